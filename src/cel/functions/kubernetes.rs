//! Kubernetes' libraries: quantities, IP addresses and networks, URLs, semantic versions, named formats.

use std::cmp::Ordering;
use std::net::IpAddr;
use std::rc::Rc;

use super::{Arguments, CelFunction, list, optional};
use crate::apimachinery::named_formats::NamedFormat;
use crate::apimachinery::network::{self, Cidr};
use crate::apimachinery::quantity::{Quantity, QuantityError};
use crate::apimachinery::version::SemanticVersion;
use crate::cel::cost;
use crate::cel::types::CelType::{Bool, Double, Int, String};
use crate::cel::types::{CelType, LibraryType};
use crate::cel::value::{CelMap, CelValue, Evaluated, EvaluationError, error, no_overload};
use crate::go_compat::url::{self, Url};

const QUANTITY: CelType<'static> = CelType::Library(LibraryType::Quantity);
const IP: CelType<'static> = CelType::Library(LibraryType::Ip);
const CIDR: CelType<'static> = CelType::Library(LibraryType::Cidr);
const URL: CelType<'static> = CelType::Library(LibraryType::Url);
const SEMVER: CelType<'static> = CelType::Library(LibraryType::Semver);
const FORMAT: CelType<'static> = CelType::Library(LibraryType::Format);

pub(super) fn functions() -> Vec<CelFunction> {
    [quantities(), addresses(), urls_and_versions(), formats()].into_iter().flatten().collect()
}

fn quantities() -> Vec<CelFunction> {
    functions! {
        global "quantity" (String) -> QUANTITY; text => |args| Ok(CelValue::Quantity(Quantity::parse(args.text(0)?)?));
        global "isQuantity" (String) -> Bool; text => |args| is_quantity(args.text(0)?);
        global "sign" (QUANTITY) -> Int; one => |args| quantity(args, 0).map(|quantity| CelValue::Int(quantity.sign()));
        method "isInteger" (QUANTITY) -> Bool; one =>
            |args| Ok(CelValue::Bool(quantity(args, 0)?.to_int().is_some()));
        method "asInteger" (QUANTITY) -> Int; one => |args| {
            quantity(args, 0)?.to_int().map_or_else(|| error("cannot convert value to integer"), |int| Ok(CelValue::Int(int)))
        };
        method "asApproximateFloat" (QUANTITY) -> Double; one =>
            |args| Ok(CelValue::Double(quantity(args, 0)?.to_double()));
        method "add" (QUANTITY, QUANTITY) -> QUANTITY, (QUANTITY, Int) -> QUANTITY; one => |args| sum(args, false);
        method "sub" (QUANTITY, QUANTITY) -> QUANTITY, (QUANTITY, Int) -> QUANTITY; one => |args| sum(args, true);
        method "compareTo" (QUANTITY, QUANTITY) -> Int, (SEMVER, SEMVER) -> Int; one =>
            |args| Ok(CelValue::Int(compared(args)? as i64));
        method "isLessThan" (QUANTITY, QUANTITY) -> Bool, (SEMVER, SEMVER) -> Bool; one =>
            |args| Ok(CelValue::Bool(compared(args)?.is_lt()));
        method "isGreaterThan" (QUANTITY, QUANTITY) -> Bool, (SEMVER, SEMVER) -> Bool; one =>
            |args| Ok(CelValue::Bool(compared(args)?.is_gt()));
    }
}

fn addresses() -> Vec<CelFunction> {
    functions! {
        global "ip" (String) -> IP; text => |args| address(args.text(0)?).map(CelValue::Ip);
        global "isIP" (String) -> Bool; text => |args| Ok(CelValue::Bool(network::address(args.text(0)?).is_some()));
        global "ip.isCanonical" (String) -> Bool; text_twice =>
            |args| Ok(CelValue::Bool(address(args.text(0)?)?.to_string() == args.text(0)?));
        method "family" (IP) -> Int; one => |args| Ok(CelValue::Int(if own_address(args)?.is_ipv4() { 4 } else { 6 }));
        method "isUnspecified" (IP) -> Bool; one => |args| Ok(CelValue::Bool(own_address(args)?.is_unspecified()));
        method "isLoopback" (IP) -> Bool; one => |args| Ok(CelValue::Bool(own_address(args)?.is_loopback()));
        method "isLinkLocalMulticast" (IP) -> Bool; one =>
            |args| Ok(CelValue::Bool(network::is_link_local_multicast(own_address(args)?)));
        method "isLinkLocalUnicast" (IP) -> Bool; one =>
            |args| Ok(CelValue::Bool(network::is_link_local_unicast(own_address(args)?)));
        method "isGlobalUnicast" (IP) -> Bool; one =>
            |args| Ok(CelValue::Bool(network::is_global_unicast(own_address(args)?)));
        global "cidr" (String) -> CIDR; text => |args| cidr(args.text(0)?).map(CelValue::Cidr);
        global "isCIDR" (String) -> Bool; text => |args| Ok(CelValue::Bool(Cidr::parse(args.text(0)?).is_some()));
        method "containsIP" (CIDR, String) -> Bool, (CIDR, IP) -> Bool; contains_address => |args| {
            let address = match args.get(1) {
                CelValue::Ip(address) => Some(*address),
                CelValue::Text(text) => network::address(text),
                _ => None,
            };
            let own = own_cidr(args)?;
            address.map_or_else(no_overload, |address| Ok(CelValue::Bool(own.contains(address))))
        };
        method "containsCIDR" (CIDR, String) -> Bool, (CIDR, CIDR) -> Bool; contains_network => |args| {
            let own = own_cidr(args)?;
            match args.get(1) {
                CelValue::Cidr(other) => Ok(CelValue::Bool(own.contains_network(*other))),
                CelValue::Text(text) => Ok(CelValue::Bool(own.contains_network(cidr(text)?))),
                _ => no_overload(),
            }
        };
        method "ip" (CIDR) -> IP; one => |args| Ok(CelValue::Ip(own_cidr(args)?.address));
        method "prefixLength" (CIDR) -> Int; one => |args| Ok(CelValue::Int(own_cidr(args)?.bits.into()));
        method "masked" (CIDR) -> CIDR; one => |args| Ok(CelValue::Cidr(own_cidr(args)?.masked()));
    }
}

fn urls_and_versions() -> Vec<CelFunction> {
    functions! {
        global "url" (String) -> URL; same_size => |args| parsed_url(args.text(0)?);
        global "isURL" (String) -> Bool; one => |args| Ok(CelValue::Bool(url::is_request_uri(args.text(0)?)));
        method "getScheme" (URL) -> String; one => |args| of_url(args, |url| url.scheme.clone().into_bytes());
        method "getHost" (URL) -> String; one => |args| of_url(args, |url| url.host.clone());
        method "getHostname" (URL) -> String; one => |args| of_url(args, |url| url.hostname().to_vec());
        method "getPort" (URL) -> String; one => |args| of_url(args, |url| url.port().to_vec());
        method "getEscapedPath" (URL) -> String; one => |args| of_url(args, |url| url.escaped_path().into_bytes());
        method "getQuery" (URL) -> CelType::map(String, list(String)); one => |args| match args.get(0) {
            CelValue::Url(url) => query(url),
            _ => no_overload(),
        };
        global "semver" (String) -> SEMVER, (String, Bool) -> SEMVER; text => |args| {
            let version = version(args)?.map(|version| CelValue::Version(Rc::new(version)));
            version.map_or_else(|| error("the version cannot be parsed"), Ok)
        };
        global "isSemver" (String) -> Bool, (String, Bool) -> Bool; text =>
            |args| Ok(CelValue::Bool(version(args)?.is_some()));
        method "major" (SEMVER) -> Int; one => |args| number_of(args, |version| version.major);
        method "minor" (SEMVER) -> Int; one => |args| number_of(args, |version| version.minor);
        method "patch" (SEMVER) -> Int; one => |args| number_of(args, |version| version.patch);
    }
}

fn formats() -> Vec<CelFunction> {
    functions! {
        global "format.named" (String) -> optional(FORMAT); one => |args| {
            let found = NamedFormat::find(args.text(0)?);
            Ok(found.map_or(CelValue::Optional(None), |named| CelValue::some(CelValue::Format(named))))
        };
        method "validate" (FORMAT, String) -> optional(list(String)); validate => |args| match args.get(0) {
            CelValue::Format(named) => {
                let complaints = named.check(args.text(1)?).into_iter();
                let found: Vec<_> = complaints.map(|one| one.map_or(CelValue::Unknown, CelValue::text)).collect();
                Ok(if found.is_empty() { CelValue::Optional(None) } else { CelValue::some(CelValue::list(found)) })
            }
            _ => no_overload(),
        };
        global "format.dns1123Label" () -> FORMAT; one => |_| named("dns1123Label");
        global "format.dns1123Subdomain" () -> FORMAT; one => |_| named("dns1123Subdomain");
        global "format.dns1035Label" () -> FORMAT; one => |_| named("dns1035Label");
        global "format.qualifiedName" () -> FORMAT; one => |_| named("qualifiedName");
        global "format.dns1123LabelPrefix" () -> FORMAT; one => |_| named("dns1123LabelPrefix");
        global "format.dns1123SubdomainPrefix" () -> FORMAT; one => |_| named("dns1123SubdomainPrefix");
        global "format.dns1035LabelPrefix" () -> FORMAT; one => |_| named("dns1035LabelPrefix");
        global "format.labelValue" () -> FORMAT; one => |_| named("labelValue");
        global "format.uri" () -> FORMAT; one => |_| named("uri");
        global "format.uuid" () -> FORMAT; one => |_| named("uuid");
        global "format.byte" () -> FORMAT; one => |_| named("byte");
        global "format.date" () -> FORMAT; one => |_| named("date");
        global "format.datetime" () -> FORMAT; one => |_| named("datetime");
    }
}

fn named<'v>(word: &str) -> Evaluated<'v> {
    NamedFormat::find(word).map_or_else(no_overload, |named| Ok(CelValue::Format(named)))
}

fn is_quantity<'v>(text: &str) -> Evaluated<'v> {
    match Quantity::parse(text) {
        Ok(_) => Ok(CelValue::Bool(true)),
        Err(QuantityError::Malformed(_)) => Ok(CelValue::Bool(false)),
        Err(not_checked) => Err(not_checked.into()),
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
    Ok(CelValue::Quantity(quantity(args, 0)?.plus(&other, negative)?))
}

fn compared(args: &Arguments<'_>) -> Result<Ordering, EvaluationError> {
    match (args.get(0), args.get(1)) {
        (CelValue::Quantity(one), CelValue::Quantity(other)) => Ok(one.compare_to(other)?),
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

fn address(text: &str) -> Result<IpAddr, EvaluationError> {
    network::address(text).map_or_else(|| error("IP Address parse error during conversion from string"), Ok)
}

fn own_address(args: &Arguments<'_>) -> Result<IpAddr, EvaluationError> {
    match args.get(0) {
        CelValue::Ip(address) => Ok(*address),
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
