//! Kubernetes' libraries: quantities, IP addresses and networks, URLs, semantic versions, named formats.

use std::cmp::Ordering;
use std::rc::Rc;

use super::{Args, Function};
use crate::golang::url::{self, Url};
use crate::kube_schema::cel::cost;
use crate::kube_schema::cel::named::Named;
use crate::kube_schema::cel::network::{self, Cidr};
use crate::kube_schema::cel::quantity::Quantity;
use crate::kube_schema::cel::types::CelType::{Bool, Double, Int, String};
use crate::kube_schema::cel::types::{CelType, LibraryType};
use crate::kube_schema::cel::value::{Fail, Map, Outcome, Val, error, no_overload};
use crate::kube_schema::cel::version::Version;

const QUANTITY: CelType<'static> = CelType::Library(LibraryType::Quantity);
const IP: CelType<'static> = CelType::Library(LibraryType::Ip);
const CIDR: CelType<'static> = CelType::Library(LibraryType::Cidr);
const URL: CelType<'static> = CelType::Library(LibraryType::Url);
const SEMVER: CelType<'static> = CelType::Library(LibraryType::Semver);
const FORMAT: CelType<'static> = CelType::Library(LibraryType::Format);

pub(super) fn functions() -> Vec<Function> {
    [quantities(), compared_values(), addresses(), networks(), urls(), versions(), formats()]
        .into_iter()
        .flatten()
        .collect()
}

fn quantities() -> Vec<Function> {
    vec![
        Function::global("quantity", |args| Quantity::parse(args.text(0)?).map(Val::Quantity))
            .takes([String], QUANTITY)
            .costs(cost::text),
        Function::global("isQuantity", |args| is_quantity(args.text(0)?)).takes([String], Bool).costs(cost::text),
        Function::global("sign", |args| quantity(args, 0).map(|quantity| Val::Int(quantity.sign())))
            .takes([QUANTITY], Int),
        Function::method("isInteger", |args| Ok(Val::Bool(quantity(args, 0)?.to_int().is_some())))
            .takes([QUANTITY], Bool),
        Function::method("asInteger", |args| {
            let int = quantity(args, 0)?.to_int();
            int.map_or_else(|| error("cannot convert value to integer"), |int| Ok(Val::Int(int)))
        })
        .takes([QUANTITY], Int),
        Function::method("asApproximateFloat", |args| Ok(Val::Double(quantity(args, 0)?.to_double())))
            .takes([QUANTITY], Double),
        Function::method("add", |args| sum(args, false))
            .takes([QUANTITY, QUANTITY], QUANTITY)
            .takes([QUANTITY, Int], QUANTITY),
        Function::method("sub", |args| sum(args, true))
            .takes([QUANTITY, QUANTITY], QUANTITY)
            .takes([QUANTITY, Int], QUANTITY),
    ]
}

/// Of quantities and of versions.
fn compared_values() -> Vec<Function> {
    vec![
        Function::method("compareTo", |args| Ok(Val::Int(compared(args)? as i64)))
            .takes_each(&[QUANTITY, SEMVER], |one| ([one.clone(), one], Int)),
        Function::method("isLessThan", |args| Ok(Val::Bool(compared(args)?.is_lt())))
            .takes_each(&[QUANTITY, SEMVER], |one| ([one.clone(), one], Bool)),
        Function::method("isGreaterThan", |args| Ok(Val::Bool(compared(args)?.is_gt())))
            .takes_each(&[QUANTITY, SEMVER], |one| ([one.clone(), one], Bool)),
    ]
}

fn addresses() -> Vec<Function> {
    vec![
        Function::global("ip", |args| address(args.text(0)?)).takes([String], IP).costs(cost::text),
        Function::global("isIP", |args| Ok(Val::Bool(network::address(args.text(0)?).is_some())))
            .takes([String], Bool)
            .costs(cost::text),
        Function::global("ip.isCanonical", |args| match address(args.text(0)?)? {
            Val::Ip(address) => Ok(Val::Bool(address.to_string() == args.text(0)?)),
            _ => no_overload(),
        })
        .takes([String], Bool)
        .costs(cost::text_twice),
        Function::method("family", |args| match args.get(0) {
            Val::Ip(address) => Ok(Val::Int(if address.is_ipv4() { 4 } else { 6 })),
            _ => no_overload(),
        })
        .takes([IP], Int),
        Function::method("isUnspecified", |args| is_address(args, |address| address.is_unspecified()))
            .takes([IP], Bool),
        Function::method("isLoopback", |args| is_address(args, |address| address.is_loopback())).takes([IP], Bool),
        Function::method("isLinkLocalMulticast", |args| is_address(args, network::is_link_local_multicast))
            .takes([IP], Bool),
        Function::method("isLinkLocalUnicast", |args| is_address(args, network::is_link_local_unicast))
            .takes([IP], Bool),
        Function::method("isGlobalUnicast", |args| is_address(args, network::is_global_unicast)).takes([IP], Bool),
    ]
}

fn networks() -> Vec<Function> {
    vec![
        Function::global("cidr", |args| cidr(args.text(0)?).map(Val::Cidr)).takes([String], CIDR).costs(cost::text),
        Function::global("isCIDR", |args| Ok(Val::Bool(Cidr::parse(args.text(0)?).is_some())))
            .takes([String], Bool)
            .costs(cost::text),
        Function::method("containsIP", |args| {
            let own = own_cidr(args)?;
            match args.get(1) {
                Val::Ip(address) => Ok(Val::Bool(own.contains(*address))),
                Val::Text(text) => match network::address(text) {
                    Some(address) => Ok(Val::Bool(own.contains(address))),
                    None => no_overload(),
                },
                _ => no_overload(),
            }
        })
        .takes([CIDR, String], Bool)
        .takes([CIDR, IP], Bool)
        .costs(cost::contains_address),
        Function::method("containsCIDR", |args| {
            let own = own_cidr(args)?;
            match args.get(1) {
                Val::Cidr(other) => Ok(Val::Bool(own.contains_network(*other))),
                Val::Text(text) => Ok(Val::Bool(own.contains_network(cidr(text)?))),
                _ => no_overload(),
            }
        })
        .takes([CIDR, String], Bool)
        .takes([CIDR, CIDR], Bool)
        .costs(cost::contains_network),
        Function::method("ip", |args| Ok(Val::Ip(own_cidr(args)?.address))).takes([CIDR], IP),
        Function::method("prefixLength", |args| Ok(Val::Int(own_cidr(args)?.bits.into()))).takes([CIDR], Int),
        Function::method("masked", |args| Ok(Val::Cidr(own_cidr(args)?.masked()))).takes([CIDR], CIDR),
    ]
}

fn urls() -> Vec<Function> {
    vec![
        Function::global("url", |args| parsed_url(args.text(0)?)).takes([String], URL).costs(cost::same_size),
        Function::global("isURL", |args| Ok(Val::Bool(url::is_request_uri(args.text(0)?)))).takes([String], Bool),
        Function::method("getScheme", |args| of_url(args, |url| url.scheme.clone().into_bytes())).takes([URL], String),
        Function::method("getHost", |args| of_url(args, |url| url.host.clone())).takes([URL], String),
        Function::method("getHostname", |args| of_url(args, |url| url.hostname().to_vec())).takes([URL], String),
        Function::method("getPort", |args| of_url(args, |url| url.port().to_vec())).takes([URL], String),
        Function::method("getEscapedPath", |args| of_url(args, |url| url.escaped_path().into_bytes()))
            .takes([URL], String),
        Function::method("getQuery", |args| match args.get(0) {
            Val::Url(url) => query(url),
            _ => no_overload(),
        })
        .takes([URL], CelType::map(String, CelType::list(String))),
    ]
}

fn versions() -> Vec<Function> {
    vec![
        Function::global("semver", |args| {
            let version = version(args)?.map(|version| Val::Version(Rc::new(version)));
            version.map_or_else(|| error("the version cannot be parsed"), Ok)
        })
        .takes([String], SEMVER)
        .takes([String, Bool], SEMVER)
        .costs(cost::text),
        Function::global("isSemver", |args| Ok(Val::Bool(version(args)?.is_some())))
            .takes([String], Bool)
            .takes([String, Bool], Bool)
            .costs(cost::text),
        Function::method("major", |args| number_of(args, |version| version.major)).takes([SEMVER], Int),
        Function::method("minor", |args| number_of(args, |version| version.minor)).takes([SEMVER], Int),
        Function::method("patch", |args| number_of(args, |version| version.patch)).takes([SEMVER], Int),
    ]
}

fn formats() -> Vec<Function> {
    macro_rules! constants {
        ($($name:literal),*) => {
            [$((concat!("format.", $name), |_: &mut Args<'_>| named($name)),)*]
        };
    }
    let constants: [(&str, super::Work); 13] = constants!(
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
    );
    let mut functions = vec![
        Function::global("format.named", |args| {
            let found = Named::find(args.text(0)?);
            Ok(found.map_or(Val::Optional(None), |named| Val::some(Val::Format(named))))
        })
        .takes([String], CelType::optional(FORMAT)),
        Function::method("validate", |args| match args.get(0) {
            Val::Format(named) => {
                let complaint = |complaint: Option<std::string::String>| complaint.map_or(Val::Unknown, Val::text);
                let found: Vec<_> = named.check(args.text(1)?).into_iter().map(complaint).collect();
                Ok(if found.is_empty() { Val::Optional(None) } else { Val::some(Val::list(found)) })
            }
            _ => no_overload(),
        })
        .takes([FORMAT, String], CelType::optional(CelType::list(String)))
        .costs(cost::validate),
    ];
    functions.extend(constants.map(|(name, work)| Function::global(name, work).takes([], FORMAT)));
    functions
}

fn named<'v>(word: &str) -> Outcome<'v> {
    Named::find(word).map_or_else(no_overload, |named| Ok(Val::Format(named)))
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
    let tolerant = match args.given(1) {
        None => false,
        Some(Val::Bool(flag)) => *flag,
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
    match std::string::String::from_utf8(bytes) {
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
