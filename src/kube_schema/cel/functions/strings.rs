//! The second version of cel-go's string library, and Kubernetes' regular expressions.

use super::{Arguments, CelFunction};
use crate::kube_schema::cel::types::CelType;
use crate::kube_schema::cel::types::CelType::{Bool, Dyn, Int, String};
use crate::kube_schema::cel::value::{CelValue, Evaluated};
use crate::kube_schema::cel::{cost, format, texts};

pub(super) fn functions() -> Vec<CelFunction> {
    [searches(), changes()].into_iter().flatten().collect()
}

fn searches() -> Vec<CelFunction> {
    vec![
        CelFunction::global("matches", matches).takes([String, String], Bool),
        CelFunction::method("matches", matches).takes([String, String], Bool).costs(cost::matches),
        CelFunction::method("contains", |args| Ok(CelValue::Bool(args.text(0)?.contains(args.text(1)?))))
            .takes([String, String], Bool)
            .costs(cost::contains),
        CelFunction::method("startsWith", |args| Ok(CelValue::Bool(args.text(0)?.starts_with(args.text(1)?))))
            .takes([String, String], Bool)
            .costs(cost::other_text),
        CelFunction::method("endsWith", |args| Ok(CelValue::Bool(args.text(0)?.ends_with(args.text(1)?))))
            .takes([String, String], Bool)
            .costs(cost::other_text),
        CelFunction::method("find", |args| {
            texts::with_regex(args.text(0)?, args.text(1)?, |text, regex| {
                CelValue::text(regex.find(text).map_or("", |found| found.as_str()).to_owned())
            })
        })
        .takes([String, String], String)
        .costs(cost::find),
        CelFunction::method("findAll", |args| {
            let most = args.optional_int(2)?.unwrap_or(-1);
            texts::with_regex(args.text(0)?, args.text(1)?, |text, regex| {
                CelValue::texts(texts::find_all(regex, text, most))
            })
        })
        .takes([String, String], CelType::list(String))
        .takes([String, String, Int], CelType::list(String))
        .costs(cost::find),
    ]
}

fn changes() -> Vec<CelFunction> {
    vec![
        CelFunction::method("charAt", |args| texts::char_at(args.text(0)?, args.int(1)?)).takes([String, Int], String),
        CelFunction::method("lowerAscii", |args| Ok(CelValue::text(args.text(0)?.to_ascii_lowercase())))
            .takes([String], String)
            .costs(cost::same_size),
        CelFunction::method("upperAscii", |args| Ok(CelValue::text(args.text(0)?.to_ascii_uppercase())))
            .takes([String], String)
            .costs(cost::same_size),
        CelFunction::method("trim", |args| Ok(texts::trim(args.text(0)?)))
            .takes([String], String)
            .costs(cost::same_size),
        CelFunction::method("replace", |args| {
            texts::replace(args.text(0)?, args.text(1)?, args.text(2)?, args.optional_int(3)?.unwrap_or(-1))
        })
        .takes([String, String, String], String)
        .takes([String, String, String, Int], String)
        .costs(cost::replace),
        CelFunction::method("split", |args| {
            texts::split(args.text(0)?, args.text(1)?, args.optional_int(2)?.unwrap_or(-1))
        })
        .takes([String, String], CelType::list(String))
        .takes([String, String, Int], CelType::list(String))
        .costs(cost::split),
        CelFunction::method("substring", |args| texts::substring(args.text(0)?, args.int(1)?, args.optional_int(2)?))
            .takes([String, Int], String)
            .takes([String, Int, Int], String)
            .costs(cost::same_size),
        CelFunction::method("format", |args| format::format(args.text(0)?, args.list(1)?).map(CelValue::text))
            .takes([String, CelType::list(Dyn)], String)
            .costs(cost::text),
        CelFunction::global("strings.quote", |args| Ok(CelValue::text(texts::quote(args.text(0)?))))
            .takes([String], String)
            .costs(cost::quote),
    ]
}

fn matches<'v>(args: &mut Arguments<'v>) -> Evaluated<'v> {
    texts::with_regex(args.text(0)?, args.text(1)?, |text, regex| CelValue::Bool(regex.is_match(text)))
}
