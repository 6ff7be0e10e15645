//! Kubernetes' libraries: quantities, IP addresses and networks, URLs, semantic versions, named formats.

use std::cmp::Ordering;
use std::rc::Rc;

use super::{Arguments, CelFunction};
use crate::golang::url::{self, Url};
use crate::kube_schema::cel::cost;
use crate::kube_schema::cel::named::NamedFormat;
use crate::kube_schema::cel::network::{self, Cidr};
use crate::kube_schema::cel::quantity::Quantity;
use crate::kube_schema::cel::types::CelType::{Bool, Double, Int, String};
use crate::kube_schema::cel::types::{CelType, LibraryType};
use crate::kube_schema::cel::value::{CelMap, CelValue, Evaluated, EvaluationError, error, no_overload};
use crate::kube_schema::cel::version::SemanticVersion;

const QUANTITY: CelType<'static> = CelType::Library(LibraryType::Quantity);
const IP: CelType<'static> = CelType::Library(LibraryType::Ip);
const CIDR: CelType<'static> = CelType::Library(LibraryType::Cidr);
const URL: CelType<'static> = CelType::Library(LibraryType::Url);
const SEMVER: CelType<'static> = CelType::Library(LibraryType::Semver);
const FORMAT: CelType<'static> = CelType::Library(LibraryType::Format);

pub(super) fn functions() -> Vec<CelFunction> {
    [quantities(), compared_values(), addresses(), networks(), urls(), versions(), formats()]
        .into_iter()
        .flatten()
        .collect()
}

fn quantities() -> Vec<CelFunction> {
    vec![
        CelFunction::global("quantity", |args| Quantity::parse(args.text(0)?).map(CelValue::Quantity))
            .takes([String], QUANTITY)
            .costs(cost::text),
        CelFunction::global("isQuantity", |args| is_quantity(args.text(0)?)).takes([String], Bool).costs(cost::text),
        CelFunction::global("sign", |args| quantity(args, 0).map(|quantity| CelValue::Int(quantity.sign())))
            .takes([QUANTITY], Int),
        CelFunction::method("isInteger", |args| Ok(CelValue::Bool(quantity(args, 0)?.to_int().is_some())))
            .takes([QUANTITY], Bool),
        CelFunction::method("asInteger", |args| {
            let int = quantity(args, 0)?.to_int();
            int.map_or_else(|| error("cannot convert value to integer"), |int| Ok(CelValue::Int(int)))
        })
        .takes([QUANTITY], Int),
        CelFunction::method("asApproximateFloat", |args| Ok(CelValue::Double(quantity(args, 0)?.to_double())))
            .takes([QUANTITY], Double),
        CelFunction::method("add", |args| sum(args, false))
            .takes([QUANTITY, QUANTITY], QUANTITY)
            .takes([QUANTITY, Int], QUANTITY),
        CelFunction::method("sub", |args| sum(args, true))
            .takes([QUANTITY, QUANTITY], QUANTITY)
            .takes([QUANTITY, Int], QUANTITY),
    ]
}

/// Of quantities and of versions.
fn compared_values() -> Vec<CelFunction> {
    vec![
        CelFunction::method("compareTo", |args| Ok(CelValue::Int(compared(args)? as i64)))
            .takes_each(&[QUANTITY, SEMVER], |one| ([one.clone(), one], Int)),
        CelFunction::method("isLessThan", |args| Ok(CelValue::Bool(compared(args)?.is_lt())))
            .takes_each(&[QUANTITY, SEMVER], |one| ([one.clone(), one], Bool)),
        CelFunction::method("isGreaterThan", |args| Ok(CelValue::Bool(compared(args)?.is_gt())))
            .takes_each(&[QUANTITY, SEMVER], |one| ([one.clone(), one], Bool)),
    ]
}

fn addresses() -> Vec<CelFunction> {
    vec![
        CelFunction::global("ip", |args| address(args.text(0)?)).takes([String], IP).costs(cost::text),
        CelFunction::global("isIP", |args| Ok(CelValue::Bool(network::address(args.text(0)?).is_some())))
            .takes([String], Bool)
            .costs(cost::text),
        CelFunction::global("ip.isCanonical", |args| match address(args.text(0)?)? {
            CelValue::Ip(address) => Ok(CelValue::Bool(address.to_string() == args.text(0)?)),
            _ => no_overload(),
        })
        .takes([String], Bool)
        .costs(cost::text_twice),
        CelFunction::method("family", |args| match args.get(0) {
            CelValue::Ip(address) => Ok(CelValue::Int(if address.is_ipv4() { 4 } else { 6 })),
            _ => no_overload(),
        })
        .takes([IP], Int),
        CelFunction::method("isUnspecified", |args| is_address(args, |address| address.is_unspecified()))
            .takes([IP], Bool),
        CelFunction::method("isLoopback", |args| is_address(args, |address| address.is_loopback())).takes([IP], Bool),
        CelFunction::method("isLinkLocalMulticast", |args| is_address(args, network::is_link_local_multicast))
            .takes([IP], Bool),
        CelFunction::method("isLinkLocalUnicast", |args| is_address(args, network::is_link_local_unicast))
            .takes([IP], Bool),
        CelFunction::method("isGlobalUnicast", |args| is_address(args, network::is_global_unicast)).takes([IP], Bool),
    ]
}

fn networks() -> Vec<CelFunction> {
    vec![
        CelFunction::global("cidr", |args| cidr(args.text(0)?).map(CelValue::Cidr))
            .takes([String], CIDR)
            .costs(cost::text),
        CelFunction::global("isCIDR", |args| Ok(CelValue::Bool(Cidr::parse(args.text(0)?).is_some())))
            .takes([String], Bool)
            .costs(cost::text),
        CelFunction::method("containsIP", |args| {
            let own = own_cidr(args)?;
            match args.get(1) {
                CelValue::Ip(address) => Ok(CelValue::Bool(own.contains(*address))),
                CelValue::Text(text) => match network::address(text) {
                    Some(address) => Ok(CelValue::Bool(own.contains(address))),
                    None => no_overload(),
                },
                _ => no_overload(),
            }
        })
        .takes([CIDR, String], Bool)
        .takes([CIDR, IP], Bool)
        .costs(cost::contains_address),
        CelFunction::method("containsCIDR", |args| {
            let own = own_cidr(args)?;
            match args.get(1) {
                CelValue::Cidr(other) => Ok(CelValue::Bool(own.contains_network(*other))),
                CelValue::Text(text) => Ok(CelValue::Bool(own.contains_network(cidr(text)?))),
                _ => no_overload(),
            }
        })
        .takes([CIDR, String], Bool)
        .takes([CIDR, CIDR], Bool)
        .costs(cost::contains_network),
        CelFunction::method("ip", |args| Ok(CelValue::Ip(own_cidr(args)?.address))).takes([CIDR], IP),
        CelFunction::method("prefixLength", |args| Ok(CelValue::Int(own_cidr(args)?.bits.into()))).takes([CIDR], Int),
        CelFunction::method("masked", |args| Ok(CelValue::Cidr(own_cidr(args)?.masked()))).takes([CIDR], CIDR),
    ]
}

fn urls() -> Vec<CelFunction> {
    vec![
        CelFunction::global("url", |args| parsed_url(args.text(0)?)).takes([String], URL).costs(cost::same_size),
        CelFunction::global("isURL", |args| Ok(CelValue::Bool(url::is_request_uri(args.text(0)?))))
            .takes([String], Bool),
        CelFunction::method("getScheme", |args| of_url(args, |url| url.scheme.clone().into_bytes()))
            .takes([URL], String),
        CelFunction::method("getHost", |args| of_url(args, |url| url.host.clone())).takes([URL], String),
        CelFunction::method("getHostname", |args| of_url(args, |url| url.hostname().to_vec())).takes([URL], String),
        CelFunction::method("getPort", |args| of_url(args, |url| url.port().to_vec())).takes([URL], String),
        CelFunction::method("getEscapedPath", |args| of_url(args, |url| url.escaped_path().into_bytes()))
            .takes([URL], String),
        CelFunction::method("getQuery", |args| match args.get(0) {
            CelValue::Url(url) => query(url),
            _ => no_overload(),
        })
        .takes([URL], CelType::map(String, CelType::list(String))),
    ]
}

fn versions() -> Vec<CelFunction> {
    vec![
        CelFunction::global("semver", |args| {
            let version = version(args)?.map(|version| CelValue::Version(Rc::new(version)));
            version.map_or_else(|| error("the version cannot be parsed"), Ok)
        })
        .takes([String], SEMVER)
        .takes([String, Bool], SEMVER)
        .costs(cost::text),
        CelFunction::global("isSemver", |args| Ok(CelValue::Bool(version(args)?.is_some())))
            .takes([String], Bool)
            .takes([String, Bool], Bool)
            .costs(cost::text),
        CelFunction::method("major", |args| number_of(args, |version| version.major)).takes([SEMVER], Int),
        CelFunction::method("minor", |args| number_of(args, |version| version.minor)).takes([SEMVER], Int),
        CelFunction::method("patch", |args| number_of(args, |version| version.patch)).takes([SEMVER], Int),
    ]
}

fn formats() -> Vec<CelFunction> {
    macro_rules! constants {
        ($($name:literal),*) => {
            [$((concat!("format.", $name), |_: &mut Arguments<'_>| named($name)),)*]
        };
    }
    let constants: [(&str, super::Implementation); 13] = constants!(
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
        CelFunction::global("format.named", |args| {
            let found = NamedFormat::find(args.text(0)?);
            Ok(found.map_or(CelValue::Optional(None), |named| CelValue::some(CelValue::Format(named))))
        })
        .takes([String], CelType::optional(FORMAT)),
        CelFunction::method("validate", |args| match args.get(0) {
            CelValue::Format(named) => {
                let complaint =
                    |complaint: Option<std::string::String>| complaint.map_or(CelValue::Unknown, CelValue::text);
                let found: Vec<_> = named.check(args.text(1)?).into_iter().map(complaint).collect();
                Ok(if found.is_empty() { CelValue::Optional(None) } else { CelValue::some(CelValue::list(found)) })
            }
            _ => no_overload(),
        })
        .takes([FORMAT, String], CelType::optional(CelType::list(String)))
        .costs(cost::validate),
    ];
    functions.extend(constants.map(|(name, work)| CelFunction::global(name, work).takes([], FORMAT)));
    functions
}

fn named<'v>(word: &str) -> Evaluated<'v> {
    NamedFormat::find(word).map_or_else(no_overload, |named| Ok(CelValue::Format(named)))
}

fn is_quantity<'v>(text: &str) -> Evaluated<'v> {
    match Quantity::parse(text) {
        Ok(_) => Ok(CelValue::Bool(true)),
        Err(EvaluationError::Error(_)) => Ok(CelValue::Bool(false)),
        Err(not_checked) => Err(not_checked),
    }
}

fn quantity(args: &Arguments<'_>, at: usize) -> Result<Quantity, EvaluationError> {
    match args.get(at) {
        CelValue::Quantity(quantity) => Ok(quantity.clone()),
        _ => no_overload(),
    }
}

fn sum<'v>(args: &Arguments<'v>, negative: bool) -> Evaluated<'v> {
    let other = match args.get(1) {
        CelValue::Int(number) => Quantity::from_int(*number),
        _ => quantity(args, 1)?,
    };
    quantity(args, 0)?.plus(&other, negative).map(CelValue::Quantity)
}

fn compared(args: &Arguments<'_>) -> Result<Ordering, EvaluationError> {
    match (args.get(0), args.get(1)) {
        (CelValue::Quantity(one), CelValue::Quantity(other)) => one.compare_to(other),
        (CelValue::Version(one), CelValue::Version(other)) => Ok(one.compare(other)),
        _ => no_overload(),
    }
}

fn version(args: &Arguments<'_>) -> Result<Option<SemanticVersion>, EvaluationError> {
    let tolerant = match args.given(1) {
        None => false,
        Some(CelValue::Bool(flag)) => *flag,
        _ => return no_overload(),
    };
    let text = args.text(0)?;
    Ok(if tolerant { SemanticVersion::parse_tolerant(text) } else { SemanticVersion::parse(text) })
}

fn number_of<'v>(args: &Arguments<'v>, number: fn(&SemanticVersion) -> u64) -> Evaluated<'v> {
    match args.get(0) {
        CelValue::Version(version) => Ok(CelValue::Int(number(version).cast_signed())),
        _ => no_overload(),
    }
}

fn address<'v>(text: &str) -> Evaluated<'v> {
    network::address(text)
        .map_or_else(|| error("IP Address parse error during conversion from string"), |ip| Ok(CelValue::Ip(ip)))
}

fn is_address<'v>(args: &Arguments<'v>, is: fn(std::net::IpAddr) -> bool) -> Evaluated<'v> {
    match args.get(0) {
        CelValue::Ip(address) => Ok(CelValue::Bool(is(*address))),
        _ => no_overload(),
    }
}

fn cidr(text: &str) -> Result<Cidr, EvaluationError> {
    Cidr::parse(text).map_or_else(|| error("network address parse error during conversion from string"), Ok)
}

fn own_cidr(args: &Arguments<'_>) -> Result<Cidr, EvaluationError> {
    match args.get(0) {
        CelValue::Cidr(cidr) => Ok(*cidr),
        _ => no_overload(),
    }
}

fn parsed_url<'v>(text: &str) -> Evaluated<'v> {
    match Url::parse(text).filter(|_| url::is_request_uri(text)) {
        Some(url) => Ok(CelValue::Url(Rc::new(url))),
        None => error("URL parse error during conversion from string"),
    }
}

/// A text of a URL, which may be encoded to be no text at all.
fn decoded<'v>(bytes: Vec<u8>) -> Evaluated<'v> {
    match std::string::String::from_utf8(bytes) {
        Ok(text) => Ok(CelValue::text(text)),
        Err(_) => Err(EvaluationError::NotChecked("a part of a URL is no UTF-8".to_owned())),
    }
}

fn of_url<'v>(args: &Arguments<'v>, part: fn(&Url) -> Vec<u8>) -> Evaluated<'v> {
    match args.get(0) {
        CelValue::Url(url) => decoded(part(url)),
        _ => no_overload(),
    }
}

fn query<'v>(url: &Url) -> Evaluated<'v> {
    let mut map = std::collections::BTreeMap::new();
    for (name, values) in url.query() {
        let values = values.into_iter().map(decoded).collect::<Result<Vec<_>, _>>()?;
        map.insert(decoded(name)?.key()?, CelValue::list(values));
    }
    Ok(CelValue::Map(CelMap::Made(Rc::new(map))))
}
