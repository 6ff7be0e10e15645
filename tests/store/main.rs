//! The stores: one suite for both, and what only Postgres promises.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking; helpers outside test functions too")]

mod bed;
mod dry_run;
mod postgres;
mod suite;

/// Each of the suite's functions as a test on either store.
macro_rules! on_both {
    ($($name:ident),* $(,)?) => {
        mod on_postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                crate::suite::$name(&crate::postgres::bed().await).await;
            })*
        }
        mod on_sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                crate::suite::$name(&crate::bed::sqlite().await).await;
            })*
        }
    };
}

on_both![
    main_path,
    a_snapshot_holds_what_was_asked_for,
    a_key_changes_hands_in_one_transaction,
    a_move_takes_row_and_ledger_along,
    a_deposed_leader_is_refused,
    two_leaders_at_once_are_one,
    an_edit_needs_no_term,
    a_refused_batch_leaves_nothing_behind,
    a_batch_that_contradicts_itself_is_refused,
    a_thousand_rows_go_in_one_batch,
    pages_are_in_bytewise_order,
    rows_since_are_those_that_changed,
    owned_keys_are_those_in_any_ledger,
    outcomes_come_and_go_with_their_resources,
    rows_are_listed_with_owner_and_state,
    the_salt_stays,
    a_missing_table_is_named_with_what_to_do,
    a_foreign_table_gets_no_column_of_ours,
    a_ninth_kind_has_its_table_and_derived_columns,
    columns_hold_values_of_their_types,
    a_column_of_another_type_is_named,
    a_ledger_of_the_first_version_is_upgraded_without_loss,
    a_newer_ledger_goes_on_being_written,
    an_update_leaves_created_at_and_spec_hash_alone,
    batches_side_by_side_all_arrive,
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_to_write_writes_nothing_in_sqlite() {
    suite::nothing_to_write_writes_nothing(&bed::sqlite().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dry_run_reads_as_if_it_had_been_written_in_sqlite() {
    dry_run::a_dry_run_reads_as_if_it_had_been_written(&bed::sqlite().await).await;
}
