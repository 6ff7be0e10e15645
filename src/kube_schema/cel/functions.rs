//! The functions that rules of CRDs may call in Kubernetes 1.36, operators included.

#![expect(clippy::unnecessary_wraps, reason = "a function of the language may fail, whether it does or not")]

use std::cmp::Ordering;
use std::rc::Rc;

use super::arithmetic::{add, divide, modulo, multiply, negate, subtract};
use super::equality::{contains, equal, order};
use super::named::Named;
use super::network::{self, Cidr};
use super::quantity::Quantity;
use super::times::{self, Part};
use super::value::{Fail, Map, Outcome, Val, error, no_overload};
use super::version::Version;
use super::{convert, format, lists, texts};
use crate::golang::url::{self, Url};

/// What a function does; a method has its target as the first argument. The number of arguments has been checked.
type Work = for<'v> fn(&mut Args<'v>) -> Outcome<'v>;

/// A function.
#[derive(Clone, Copy)]
pub struct Function {
    name: &'static str,
    work: Work,
}

impl std::fmt::Debug for Function {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

impl Function {
    pub fn name(&self) -> &'static str {
        self.name
    }

    pub fn call<'v>(&self, args: Vec<Val<'v>>) -> Outcome<'v> {
        (self.work)(&mut Args { args })
    }
}

/// Arguments, to be taken one by one.
#[derive(Debug)]
pub struct Args<'v> {
    args: Vec<Val<'v>>,
}

impl<'v> Args<'v> {
    fn get(&self, at: usize) -> &Val<'v> {
        self.args.get(at).unwrap_or(&Val::Null)
    }

    fn take(&mut self, at: usize) -> Val<'v> {
        self.args.get_mut(at).map_or(Val::Null, |arg| std::mem::replace(arg, Val::Null))
    }

    fn pair(&mut self) -> (Val<'v>, Val<'v>) {
        (self.take(0), self.take(1))
    }

    fn text(&self, at: usize) -> Result<&str, Fail> {
        match self.get(at) {
            Val::Text(text) => Ok(text),
            _ => no_overload(),
        }
    }

    fn int(&self, at: usize) -> Result<i64, Fail> {
        match self.get(at) {
            Val::Int(number) => Ok(*number),
            Val::Zero => Ok(0),
            _ => no_overload(),
        }
    }

    /// An argument that may be left out.
    fn int_or(&self, at: usize, other: i64) -> Result<i64, Fail> {
        if self.args.len() > at { self.int(at) } else { Ok(other) }
    }

    fn list(&self, at: usize) -> Result<&super::value::List<'v>, Fail> {
        match self.get(at) {
            Val::List(list) => Ok(list),
            _ => no_overload(),
        }
    }
}

/// Names of functions, the least and the most arguments they take (a target is one), and what they do.
type Table = &'static [(&'static str, usize, usize, Work)];

/// Called by their names alone.
const GLOBAL: Table = &[
    ("_+_", 2, 2, |args| args.pair().with(add)),
    ("_-_", 2, 2, |args| args.pair().with(subtract)),
    ("_*_", 2, 2, |args| args.pair().with(multiply)),
    ("_/_", 2, 2, |args| args.pair().with(divide)),
    ("_%_", 2, 2, |args| args.pair().with(modulo)),
    ("-_", 1, 1, |args| negate(args.get(0))),
    ("_==_", 2, 2, |args| equal(args.get(0), args.get(1)).map(Val::Bool)),
    ("_!=_", 2, 2, |args| equal(args.get(0), args.get(1)).map(|same| Val::Bool(!same))),
    ("_<_", 2, 2, |args| ordered(args, Ordering::is_lt)),
    ("_<=_", 2, 2, |args| ordered(args, Ordering::is_le)),
    ("_>_", 2, 2, |args| ordered(args, Ordering::is_gt)),
    ("_>=_", 2, 2, |args| ordered(args, Ordering::is_ge)),
    ("@in", 2, 2, |args| contains(args.get(1), args.get(0)).map(Val::Bool)),
    ("size", 1, 1, size),
    ("matches", 2, 2, matches),
    ("int", 1, 1, |args| convert::int(args.take(0))),
    ("uint", 1, 1, |args| convert::uint(args.take(0))),
    ("double", 1, 1, |args| convert::double(args.take(0))),
    ("bool", 1, 1, |args| convert::bool(args.take(0))),
    ("string", 1, 1, |args| convert::string(args.take(0))),
    ("bytes", 1, 1, |args| convert::bytes(args.take(0))),
    ("duration", 1, 1, |args| convert::duration(args.take(0))),
    ("timestamp", 1, 1, |args| convert::timestamp(args.take(0))),
    ("dyn", 1, 1, |args| Ok(args.take(0))),
    ("type", 1, 1, |args| convert::kind(args.get(0))),
    ("optional.of", 1, 1, |args| Ok(Val::some(args.take(0)))),
    ("optional.none", 0, 0, |_| Ok(Val::Optional(None))),
    ("optional.ofNonZeroValue", 1, 1, of_non_zero),
    ("optional.unwrap", 1, 1, |args| lists::unwrap(args.list(0)?)),
    ("lists.range", 1, 1, |args| lists::range(args.int(0)?)),
    ("sets.contains", 2, 2, |args| lists::holds_all(args.list(0)?, args.list(1)?).map(Val::Bool)),
    ("sets.intersects", 2, 2, |args| lists::meet(args.list(0)?, args.list(1)?).map(Val::Bool)),
    ("sets.equivalent", 2, 2, |args| {
        let (one, other) = (args.list(0)?, args.list(1)?);
        Ok(Val::Bool(lists::holds_all(one, other)? && lists::holds_all(other, one)?))
    }),
    ("strings.quote", 1, 1, |args| Ok(Val::text(texts::quote(args.text(0)?)))),
    ("quantity", 1, 1, |args| Quantity::parse(args.text(0)?).map(Val::Quantity)),
    ("isQuantity", 1, 1, |args| is_quantity(args.text(0)?)),
    ("sign", 1, 1, |args| quantity(args, 0).map(|quantity| Val::Int(quantity.sign()))),
    ("ip", 1, 1, |args| address(args.text(0)?)),
    ("isIP", 1, 1, |args| Ok(Val::Bool(network::address(args.text(0)?).is_some()))),
    ("ip.isCanonical", 1, 1, |args| match address(args.text(0)?)? {
        Val::Ip(address) => Ok(Val::Bool(address.to_string() == args.text(0)?)),
        _ => no_overload(),
    }),
    ("cidr", 1, 1, |args| cidr(args.text(0)?).map(Val::Cidr)),
    ("isCIDR", 1, 1, |args| Ok(Val::Bool(Cidr::parse(args.text(0)?).is_some()))),
    ("url", 1, 1, |args| parsed_url(args.text(0)?)),
    ("isURL", 1, 1, |args| Ok(Val::Bool(url::is_request_uri(args.text(0)?)))),
    ("semver", 1, 2, |args| {
        version(args)?
            .map_or_else(|| error("the version cannot be parsed"), |version| Ok(Val::Version(Rc::new(version))))
    }),
    ("isSemver", 1, 2, |args| Ok(Val::Bool(version(args)?.is_some()))),
    ("format.named", 1, 1, |args| {
        let found = Named::find(args.text(0)?);
        Ok(found.map_or(Val::Optional(None), |named| Val::some(Val::Format(named))))
    }),
];

/// Called on a value.
const METHODS: Table = &[
    ("size", 1, 1, size),
    ("matches", 2, 2, matches),
    ("contains", 2, 2, |args| Ok(Val::Bool(args.text(0)?.contains(args.text(1)?)))),
    ("startsWith", 2, 2, |args| Ok(Val::Bool(args.text(0)?.starts_with(args.text(1)?)))),
    ("endsWith", 2, 2, |args| Ok(Val::Bool(args.text(0)?.ends_with(args.text(1)?)))),
    ("charAt", 2, 2, |args| texts::char_at(args.text(0)?, args.int(1)?)),
    ("find", 2, 2, |args| {
        texts::with_regex(args.text(0)?, args.text(1)?, |text, regex| {
            Val::text(regex.find(text).map_or("", |found| found.as_str()).to_owned())
        })
    }),
    ("findAll", 2, 3, |args| {
        let most = args.int_or(2, -1)?;
        texts::with_regex(args.text(0)?, args.text(1)?, |text, regex| Val::texts(texts::find_all(regex, text, most)))
    }),
    ("indexOf", 2, 3, |args| match args.get(0) {
        Val::List(list) if args.args.len() == 2 => lists::index_of(list, args.get(1)),
        _ => texts::index_of(args.text(0)?, args.text(1)?, args.int_or(2, 0)?),
    }),
    ("lastIndexOf", 2, 3, |args| match args.get(0) {
        Val::List(list) if args.args.len() == 2 => lists::last_index_of(list, args.get(1)),
        _ => {
            let from = if args.args.len() > 2 { Some(args.int(2)?) } else { None };
            texts::last_index_of(args.text(0)?, args.text(1)?, from)
        }
    }),
    ("lowerAscii", 1, 1, |args| Ok(Val::text(args.text(0)?.to_ascii_lowercase()))),
    ("upperAscii", 1, 1, |args| Ok(Val::text(args.text(0)?.to_ascii_uppercase()))),
    ("replace", 3, 4, |args| texts::replace(args.text(0)?, args.text(1)?, args.text(2)?, args.int_or(3, -1)?)),
    ("split", 2, 3, |args| texts::split(args.text(0)?, args.text(1)?, args.int_or(2, -1)?)),
    ("substring", 2, 3, |args| {
        let end = if args.args.len() > 2 { Some(args.int(2)?) } else { None };
        texts::substring(args.text(0)?, args.int(1)?, end)
    }),
    ("trim", 1, 1, |args| Ok(texts::trim(args.text(0)?))),
    ("format", 2, 2, |args| format::format(args.text(0)?, args.list(1)?).map(Val::text)),
    ("join", 1, 2, |args| lists::join(args.list(0)?, if args.args.len() > 1 { args.text(1)? } else { "" })),
    ("isSorted", 1, 1, |args| lists::is_sorted(args.list(0)?)),
    ("sum", 1, 1, |args| lists::sum(args.list(0)?)),
    ("min", 1, 1, |args| lists::extreme(args.list(0)?, Ordering::Less, "min")),
    ("max", 1, 1, |args| lists::extreme(args.list(0)?, Ordering::Greater, "max")),
    ("slice", 3, 3, |args| lists::slice(args.list(0)?, args.int(1)?, args.int(2)?)),
    ("flatten", 1, 2, |args| lists::flatten(args.list(0)?, args.int_or(1, 1)?).map(Val::list)),
    ("sort", 1, 1, |args| lists::sort(args.list(0)?)),
    ("reverse", 1, 1, |args| Ok(lists::reverse(args.list(0)?))),
    ("distinct", 1, 1, |args| lists::distinct(args.list(0)?)),
    ("first", 1, 1, |args| lists::edge(args.list(0)?, false)),
    ("last", 1, 1, |args| lists::edge(args.list(0)?, true)),
    ("unwrapOpt", 1, 1, |args| lists::unwrap(args.list(0)?)),
    ("hasValue", 1, 1, |args| match args.get(0) {
        Val::Optional(value) => Ok(Val::Bool(value.is_some())),
        _ => no_overload(),
    }),
    ("value", 1, 1, |args| match args.take(0) {
        Val::Optional(Some(value)) => Rc::unwrap_or_clone(value).sound(),
        Val::Optional(None) => error("optional.none() dereference"),
        _ => no_overload(),
    }),
    ("getFullYear", 1, 2, |args| time(args, Part::FullYear)),
    ("getMonth", 1, 2, |args| time(args, Part::Month)),
    ("getDate", 1, 2, |args| time(args, Part::Date)),
    ("getDayOfMonth", 1, 2, |args| time(args, Part::DayOfMonth)),
    ("getDayOfWeek", 1, 2, |args| time(args, Part::DayOfWeek)),
    ("getDayOfYear", 1, 2, |args| time(args, Part::DayOfYear)),
    ("getHours", 1, 2, |args| time(args, Part::Hours)),
    ("getMinutes", 1, 2, |args| time(args, Part::Minutes)),
    ("getSeconds", 1, 2, |args| time(args, Part::Seconds)),
    ("getMilliseconds", 1, 2, |args| time(args, Part::Milliseconds)),
    ("isInteger", 1, 1, |args| Ok(Val::Bool(quantity(args, 0)?.to_int().is_some()))),
    ("asInteger", 1, 1, |args| {
        quantity(args, 0)?.to_int().map_or_else(|| error("cannot convert value to integer"), |int| Ok(Val::Int(int)))
    }),
    ("asApproximateFloat", 1, 1, |args| Ok(Val::Double(quantity(args, 0)?.to_double()))),
    ("add", 2, 2, |args| sum(args, false)),
    ("sub", 2, 2, |args| sum(args, true)),
    ("compareTo", 2, 2, |args| Ok(Val::Int(compared(args)? as i64))),
    ("isLessThan", 2, 2, |args| Ok(Val::Bool(compared(args)?.is_lt()))),
    ("isGreaterThan", 2, 2, |args| Ok(Val::Bool(compared(args)?.is_gt()))),
    ("major", 1, 1, |args| number_of(args, |version| version.major)),
    ("minor", 1, 1, |args| number_of(args, |version| version.minor)),
    ("patch", 1, 1, |args| number_of(args, |version| version.patch)),
    ("family", 1, 1, |args| match args.get(0) {
        Val::Ip(address) => Ok(Val::Int(if address.is_ipv4() { 4 } else { 6 })),
        _ => no_overload(),
    }),
    ("isUnspecified", 1, 1, |args| is_address(args, |address| address.is_unspecified())),
    ("isLoopback", 1, 1, |args| is_address(args, |address| address.is_loopback())),
    ("isLinkLocalMulticast", 1, 1, |args| is_address(args, network::is_link_local_multicast)),
    ("isLinkLocalUnicast", 1, 1, |args| is_address(args, network::is_link_local_unicast)),
    ("isGlobalUnicast", 1, 1, |args| is_address(args, network::is_global_unicast)),
    ("containsIP", 2, 2, |args| {
        let own = own_cidr(args)?;
        match args.get(1) {
            Val::Ip(address) => Ok(Val::Bool(own.contains(*address))),
            Val::Text(text) => match network::address(text) {
                Some(address) => Ok(Val::Bool(own.contains(address))),
                None => no_overload(),
            },
            _ => no_overload(),
        }
    }),
    ("containsCIDR", 2, 2, |args| {
        let own = own_cidr(args)?;
        match args.get(1) {
            Val::Cidr(other) => Ok(Val::Bool(own.contains_network(*other))),
            Val::Text(text) => Ok(Val::Bool(own.contains_network(cidr(text)?))),
            _ => no_overload(),
        }
    }),
    ("ip", 1, 1, |args| Ok(Val::Ip(own_cidr(args)?.address))),
    ("prefixLength", 1, 1, |args| Ok(Val::Int(own_cidr(args)?.bits.into()))),
    ("masked", 1, 1, |args| Ok(Val::Cidr(own_cidr(args)?.masked()))),
    ("getScheme", 1, 1, |args| of_url(args, |url| url.scheme.clone().into_bytes())),
    ("getHost", 1, 1, |args| of_url(args, |url| url.host.clone())),
    ("getHostname", 1, 1, |args| of_url(args, |url| url.hostname().to_vec())),
    ("getPort", 1, 1, |args| of_url(args, |url| url.port().to_vec())),
    ("getEscapedPath", 1, 1, |args| of_url(args, |url| url.escaped_path().into_bytes())),
    ("getQuery", 1, 1, |args| match args.get(0) {
        Val::Url(url) => query(url),
        _ => no_overload(),
    }),
    ("validate", 2, 2, |args| match args.get(0) {
        Val::Format(named) => {
            let complaint = |complaint: Option<String>| complaint.map_or_else(|| Val::Unknown, Val::text);
            let found: Vec<_> = named.check(args.text(1)?).into_iter().map(complaint).collect();
            Ok(if found.is_empty() { Val::Optional(None) } else { Val::some(Val::list(found)) })
        }
        _ => no_overload(),
    }),
];

/// A pair of arguments for an operator.
trait Pair<'v> {
    fn with(self, work: fn(Val<'v>, Val<'v>) -> Outcome<'v>) -> Outcome<'v>;
}

impl<'v> Pair<'v> for (Val<'v>, Val<'v>) {
    fn with(self, work: fn(Val<'v>, Val<'v>) -> Outcome<'v>) -> Outcome<'v> {
        work(self.0, self.1)
    }
}

fn find(table: Table, name: &str, count: usize) -> Option<Function> {
    let found = table.iter().find(|(known, least, most, _)| *known == name && (*least..=*most).contains(&count));
    found.map(|(name, _, _, work)| Function { name, work: *work })
}

/// A function that is called by its name, which may have more than one part.
pub fn global(name: &str, count: usize) -> Option<Function> {
    let constant = name.strip_prefix("format.").and_then(Named::find).filter(|_| count == 0);
    match constant {
        Some(named) => Some(Function { name: named.word, work: constant_format(named.word)? }),
        None => find(GLOBAL, name, count),
    }
}

/// A function that is called on a value, which counts as an argument.
pub fn method(name: &str, count: usize) -> Option<Function> {
    find(METHODS, name, count)
}

/// All names that rules may call, as functions and as methods.
pub fn names() -> impl Iterator<Item = &'static str> {
    GLOBAL.iter().chain(METHODS).map(|(name, ..)| *name)
}

fn constant_format(word: &str) -> Option<Work> {
    macro_rules! constant {
        ($($word:literal),*) => {
            match word {
                $($word => Some(|_| Named::find($word).map_or_else(no_overload, |named| Ok(Val::Format(named)))),)*
                _ => None,
            }
        };
    }
    constant!(
        "dns1123Label",
        "dns1123Subdomain",
        "dns1035Label",
        "qualifiedName",
        "dns1123LabelPrefix",
        "dns1123SubdomainPrefix",
        "dns1035LabelPrefix",
        "labelValue",
        "uri",
        "uuid",
        "byte",
        "date",
        "datetime"
    )
}

fn ordered<'v>(args: &Args<'v>, wanted: fn(Ordering) -> bool) -> Outcome<'v> {
    order(args.get(0), args.get(1)).map(|order| Val::Bool(wanted(order)))
}

fn size<'v>(args: &mut Args<'v>) -> Outcome<'v> {
    let size = match args.get(0) {
        Val::Text(text) => text.chars().count(),
        Val::Bytes(bytes) => bytes.len(),
        Val::List(list) => list.len(),
        Val::Map(map) => map.len(),
        _ => return no_overload(),
    };
    Ok(Val::Int(i64::try_from(size).unwrap_or(i64::MAX)))
}

fn matches<'v>(args: &mut Args<'v>) -> Outcome<'v> {
    texts::with_regex(args.text(0)?, args.text(1)?, |text, regex| Val::Bool(regex.is_match(text)))
}

fn of_non_zero<'v>(args: &mut Args<'v>) -> Outcome<'v> {
    let value = args.take(0);
    let zero = match &value {
        Val::Null | Val::Optional(None) | Val::Zero => true,
        Val::Bool(flag) => !flag,
        Val::Int(number) | Val::Duration(number) => *number == 0,
        Val::Uint(number) => *number == 0,
        Val::Double(number) => *number == 0.0,
        Val::Text(text) => text.is_empty(),
        Val::Bytes(bytes) => bytes.is_empty(),
        Val::Time(time) => time.seconds == -62_135_596_800 && time.nanos == 0,
        Val::List(list) => list.is_made() && list.len() == 0,
        Val::Map(map) => !matches!(map, Map::Data(_, Some(_))) && map.len() == 0,
        _ => false,
    };
    Ok(if zero { Val::Optional(None) } else { Val::some(value) })
}

fn is_quantity<'v>(text: &str) -> Outcome<'v> {
    match Quantity::parse(text) {
        Ok(_) => Ok(Val::Bool(true)),
        Err(Fail::Error(_)) => Ok(Val::Bool(false)),
        Err(not_checked) => Err(not_checked),
    }
}

fn quantity(args: &Args<'_>, at: usize) -> Result<Quantity, Fail> {
    match args.get(at) {
        Val::Quantity(quantity) => Ok(quantity.clone()),
        _ => no_overload(),
    }
}

fn sum<'v>(args: &Args<'v>, negative: bool) -> Outcome<'v> {
    let other = match args.get(1) {
        Val::Int(number) => Quantity::from_int(*number),
        _ => quantity(args, 1)?,
    };
    quantity(args, 0)?.plus(&other, negative).map(Val::Quantity)
}

fn compared(args: &Args<'_>) -> Result<Ordering, Fail> {
    match (args.get(0), args.get(1)) {
        (Val::Quantity(one), Val::Quantity(other)) => one.compare_to(other),
        (Val::Version(one), Val::Version(other)) => Ok(one.compare(other)),
        _ => no_overload(),
    }
}

fn version(args: &Args<'_>) -> Result<Option<Version>, Fail> {
    let tolerant = match (args.args.len(), args.get(1)) {
        (1, _) => false,
        (_, Val::Bool(flag)) => *flag,
        _ => return no_overload(),
    };
    let text = args.text(0)?;
    Ok(if tolerant { Version::parse_tolerant(text) } else { Version::parse(text) })
}

fn number_of<'v>(args: &Args<'v>, number: fn(&Version) -> u64) -> Outcome<'v> {
    match args.get(0) {
        Val::Version(version) => Ok(Val::Int(number(version).cast_signed())),
        _ => no_overload(),
    }
}

fn address<'v>(text: &str) -> Outcome<'v> {
    network::address(text)
        .map_or_else(|| error("IP Address parse error during conversion from string"), |ip| Ok(Val::Ip(ip)))
}

fn is_address<'v>(args: &Args<'v>, is: fn(std::net::IpAddr) -> bool) -> Outcome<'v> {
    match args.get(0) {
        Val::Ip(address) => Ok(Val::Bool(is(*address))),
        _ => no_overload(),
    }
}

fn cidr(text: &str) -> Result<Cidr, Fail> {
    Cidr::parse(text).map_or_else(|| error("network address parse error during conversion from string"), Ok)
}

fn own_cidr(args: &Args<'_>) -> Result<Cidr, Fail> {
    match args.get(0) {
        Val::Cidr(cidr) => Ok(*cidr),
        _ => no_overload(),
    }
}

fn parsed_url<'v>(text: &str) -> Outcome<'v> {
    match Url::parse(text).filter(|_| url::is_request_uri(text)) {
        Some(url) => Ok(Val::Url(Rc::new(url))),
        None => error("URL parse error during conversion from string"),
    }
}

/// A text of a URL, which may be encoded to be no text at all.
fn decoded<'v>(bytes: Vec<u8>) -> Outcome<'v> {
    match String::from_utf8(bytes) {
        Ok(text) => Ok(Val::text(text)),
        Err(_) => Err(Fail::NotChecked("a part of a URL is no UTF-8".to_owned())),
    }
}

fn of_url<'v>(args: &Args<'v>, part: fn(&Url) -> Vec<u8>) -> Outcome<'v> {
    match args.get(0) {
        Val::Url(url) => decoded(part(url)),
        _ => no_overload(),
    }
}

fn query<'v>(url: &Url) -> Outcome<'v> {
    let mut map = std::collections::BTreeMap::new();
    for (name, values) in url.query() {
        let values = values.into_iter().map(decoded).collect::<Result<Vec<_>, _>>()?;
        map.insert(decoded(name)?.key()?, Val::list(values));
    }
    Ok(Val::Map(Map::Made(Rc::new(map))))
}

fn time<'v>(args: &Args<'v>, part: Part) -> Outcome<'v> {
    times::part(part, args.get(0), args.args.get(1))
}
