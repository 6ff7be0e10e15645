//! The second version of cel-go's string library, and Kubernetes' regular expressions.

use super::{Args, Function};
use crate::kube_schema::cel::types::CelType;
use crate::kube_schema::cel::types::CelType::{Bool, Dyn, Int, String};
use crate::kube_schema::cel::value::{Outcome, Val};
use crate::kube_schema::cel::{cost, format, texts};

pub(super) fn functions() -> Vec<Function> {
    [searches(), changes()].into_iter().flatten().collect()
}

fn searches() -> Vec<Function> {
    vec![
        Function::global("matches", matches).takes([String, String], Bool),
        Function::method("matches", matches).takes([String, String], Bool).costs(cost::matches),
        Function::method("contains", |args| Ok(Val::Bool(args.text(0)?.contains(args.text(1)?))))
            .takes([String, String], Bool)
            .costs(cost::contains),
        Function::method("startsWith", |args| Ok(Val::Bool(args.text(0)?.starts_with(args.text(1)?))))
            .takes([String, String], Bool)
            .costs(cost::other_text),
        Function::method("endsWith", |args| Ok(Val::Bool(args.text(0)?.ends_with(args.text(1)?))))
            .takes([String, String], Bool)
            .costs(cost::other_text),
        Function::method("find", |args| {
            texts::with_regex(args.text(0)?, args.text(1)?, |text, regex| {
                Val::text(regex.find(text).map_or("", |found| found.as_str()).to_owned())
            })
        })
        .takes([String, String], String)
        .costs(cost::find),
        Function::method("findAll", |args| {
            let most = args.optional_int(2)?.unwrap_or(-1);
            texts::with_regex(args.text(0)?, args.text(1)?, |text, regex| {
                Val::texts(texts::find_all(regex, text, most))
            })
        })
        .takes([String, String], CelType::list(String))
        .takes([String, String, Int], CelType::list(String))
        .costs(cost::find),
    ]
}

fn changes() -> Vec<Function> {
    vec![
        Function::method("charAt", |args| texts::char_at(args.text(0)?, args.int(1)?)).takes([String, Int], String),
        Function::method("lowerAscii", |args| Ok(Val::text(args.text(0)?.to_ascii_lowercase())))
            .takes([String], String)
            .costs(cost::same_size),
        Function::method("upperAscii", |args| Ok(Val::text(args.text(0)?.to_ascii_uppercase())))
            .takes([String], String)
            .costs(cost::same_size),
        Function::method("trim", |args| Ok(texts::trim(args.text(0)?))).takes([String], String).costs(cost::same_size),
        Function::method("replace", |args| {
            texts::replace(args.text(0)?, args.text(1)?, args.text(2)?, args.optional_int(3)?.unwrap_or(-1))
        })
        .takes([String, String, String], String)
        .takes([String, String, String, Int], String)
        .costs(cost::replace),
        Function::method("split", |args| {
            texts::split(args.text(0)?, args.text(1)?, args.optional_int(2)?.unwrap_or(-1))
        })
        .takes([String, String], CelType::list(String))
        .takes([String, String, Int], CelType::list(String))
        .costs(cost::split),
        Function::method("substring", |args| texts::substring(args.text(0)?, args.int(1)?, args.optional_int(2)?))
            .takes([String, Int], String)
            .takes([String, Int, Int], String)
            .costs(cost::same_size),
        Function::method("format", |args| format::format(args.text(0)?, args.list(1)?).map(Val::text))
            .takes([String, CelType::list(Dyn)], String)
            .costs(cost::text),
        Function::global("strings.quote", |args| Ok(Val::text(texts::quote(args.text(0)?))))
            .takes([String], String)
            .costs(cost::quote),
    ]
}

fn matches<'v>(args: &mut Args<'v>) -> Outcome<'v> {
    texts::with_regex(args.text(0)?, args.text(1)?, |text, regex| Val::Bool(regex.is_match(text)))
}
