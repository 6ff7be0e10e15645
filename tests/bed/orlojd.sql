-- What orlojd v0.3.0 leaves behind of the tables that the operator writes: columns, defaults,
-- indexes, checks and the list of its migrations. Written from a description of the result, not
-- from orlojd's migrations; its other tables do not matter here.

do $$
declare
    kind text;
begin
    foreach kind in array array[
        'agents', 'agent_systems', 'tools', 'mcp_servers',
        'model_endpoints', 'memories', 'agent_policies', 'secrets'
    ] loop
        execute format(
            $sql$
            create table %1$I (
                name text primary key,
                namespace text not null default 'default',
                status_phase text not null default '',
                payload jsonb not null,
                updated_at timestamptz not null default now(),
                created_at timestamptz not null default now(),
                spec_hash text not null default '',
                constraint %2$I check (length(name) <= 253)
            )
            $sql$,
            kind, 'chk_' || kind || '_name_len'
        );
        execute format('create index %I on %I (namespace)', 'idx_' || kind || '_namespace', kind);
    end loop;
end
$$;

create index idx_mcp_servers_status_phase on mcp_servers (status_phase);

alter table tools
    add column risk_level text not null default 'low',
    add column isolation_mode text not null default 'none';
alter table model_endpoints add column provider text not null default '';
alter table agent_policies add column apply_mode text not null default 'scoped';

create table schema_migrations (
    version text primary key,
    applied_at timestamptz not null default now()
);

insert into schema_migrations (version) values
    ('001_initial_schema'),
    ('002_tool_approvals'),
    ('003_mcp_servers'),
    ('004_auth_local'),
    ('005_perf_indexes_and_fk'),
    ('006_region_index_and_advisory_lock'),
    ('007_schema_hardening'),
    ('008_spec_hash');
