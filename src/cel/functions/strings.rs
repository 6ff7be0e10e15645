//! The second version of cel-go's string library, and Kubernetes' regular expressions.

use super::{Arguments, CelFunction, list};
use crate::cel::types::CelType::{Bool, Dyn, Int, String};
use crate::cel::value::{CelValue, Evaluated};
use crate::cel::{cost, format, texts};

pub(super) fn functions() -> Vec<CelFunction> {
    functions! {
        global "matches" (String, String) -> Bool; one => matches;
        method "matches" (String, String) -> Bool; matches => matches;
        method "contains" (String, String) -> Bool; contains =>
            |args| Ok(CelValue::Bool(args.text(0)?.contains(args.text(1)?)));
        method "startsWith" (String, String) -> Bool; other_text =>
            |args| Ok(CelValue::Bool(args.text(0)?.starts_with(args.text(1)?)));
        method "endsWith" (String, String) -> Bool; other_text =>
            |args| Ok(CelValue::Bool(args.text(0)?.ends_with(args.text(1)?)));
        method "find" (String, String) -> String; find => |args| {
            texts::with_regex(args.text(0)?, args.text(1)?, |text, regex| {
                CelValue::text(regex.find(text).map_or("", |found| found.as_str()).to_owned())
            })
        };
        method "findAll" (String, String) -> list(String), (String, String, Int) -> list(String); find => |args| {
            let most = args.optional_int(2)?.unwrap_or(-1);
            texts::with_regex(args.text(0)?, args.text(1)?, |text, regex| {
                CelValue::texts(texts::find_all(regex, text, most))
            })
        };
        method "charAt" (String, Int) -> String; one => |args| texts::char_at(args.text(0)?, args.int(1)?);
        method "lowerAscii" (String) -> String; same_size =>
            |args| Ok(CelValue::text(args.text(0)?.to_ascii_lowercase()));
        method "upperAscii" (String) -> String; same_size =>
            |args| Ok(CelValue::text(args.text(0)?.to_ascii_uppercase()));
        method "trim" (String) -> String; same_size => |args| Ok(texts::trim(args.text(0)?));
        method "replace" (String, String, String) -> String, (String, String, String, Int) -> String; replace => |args| {
            texts::replace(args.text(0)?, args.text(1)?, args.text(2)?, args.optional_int(3)?.unwrap_or(-1))
        };
        method "split" (String, String) -> list(String), (String, String, Int) -> list(String); split =>
            |args| texts::split(args.text(0)?, args.text(1)?, args.optional_int(2)?.unwrap_or(-1));
        method "substring" (String, Int) -> String, (String, Int, Int) -> String; same_size =>
            |args| texts::substring(args.text(0)?, args.int(1)?, args.optional_int(2)?);
        method "format" (String, list(Dyn)) -> String; text =>
            |args| format::format(args.text(0)?, args.list(1)?).map(CelValue::text);
        global "strings.quote" (String) -> String; quote => |args| Ok(CelValue::text(texts::quote(args.text(0)?)));
    }
}

fn matches<'v>(args: &mut Arguments<'v>) -> Evaluated<'v> {
    texts::with_regex(args.text(0)?, args.text(1)?, |text, regex| CelValue::Bool(regex.is_match(text)))
}
