//! A DSN in either of libpq's forms, turned into connect options. No part of a DSN but a known keyword is ever
//! repeated in an error: a mangled DSN can hold its password anywhere.

use std::str::FromStr as _;

use sqlx::ConnectOptions as _;
use sqlx::postgres::{PgConnectOptions, PgSslMode};

use super::super::StoreError;

/// What the server shows for our connections, unless the DSN says otherwise.
const APPLICATION_NAME: &str = "orloj-operator";

/// Keywords that libpq or the original's drivers act on at the client's side and that mean nothing here.
const IGNORED: &[&str] = &[
    "binary_parameters",
    "channel_binding",
    "client_encoding",
    "connect_timeout",
    "default_query_exec_mode",
    "description_cache_capacity",
    "fallback_application_name",
    "gssencmode",
    "keepalives",
    "keepalives_count",
    "keepalives_idle",
    "keepalives_interval",
    "krbsrvname",
    "load_balance_hosts",
    "sslcompression",
    "sslinline",
    "sslsni",
    "target_session_attrs",
    "tcp_user_timeout",
];

type Parameters = Vec<(String, String)>;

fn refused(why: &str) -> StoreError {
    StoreError::Setup { detail: format!("the Postgres DSN is not valid: {why}") }
}

/// Reads a DSN: `postgres://`, `postgresql://` or `keyword=value ...`.
pub fn parse(text: &str) -> Result<PgConnectOptions, StoreError> {
    let text = text.trim();
    let rest = text.strip_prefix("postgres://").or_else(|| text.strip_prefix("postgresql://"));
    let parameters = match rest {
        Some(rest) => url_parameters(rest)?,
        None if text.contains("://") || !text.contains('=') => {
            return Err(refused("it is neither postgres://..., nor keyword=value pairs, nor sqlite:PATH"));
        }
        None => keyword_parameters(text)?,
    };
    options(&parameters)
}

/// `postgres://user@host:port/database`, for diagnostics.
#[must_use]
pub fn redacted(options: &PgConnectOptions) -> String {
    let host = match options.get_socket() {
        Some(socket) => socket.display().to_string(),
        None if options.get_host().contains(':') => format!("[{}]", options.get_host()),
        None => options.get_host().to_owned(),
    };
    let database = options.get_database().unwrap_or(options.get_username());
    format!("postgres://{}@{host}:{}/{database}", options.get_username(), options.get_port())
}

fn options(parameters: &Parameters) -> Result<PgConnectOptions, StoreError> {
    let mut options = PgConnectOptions::new().application_name(APPLICATION_NAME).disable_statement_logging();
    for (keyword, value) in parameters {
        options =
            match keyword.as_str() {
                // libpq takes an empty value for "not given"
                _ if value.is_empty() => options,
                "host" | "hostaddr" if value.contains(',') => {
                    return Err(refused("it names several hosts; give one name that follows the primary"));
                }
                "host" if value.starts_with('/') => options.socket(value),
                "host" | "hostaddr" => options.host(value),
                "port" => options.port(value.parse().map_err(|_| refused("port is not a number below 65536"))?),
                "user" => options.username(value),
                "password" => options.password(value),
                "dbname" | "database" => options.database(value),
                "sslmode" => options.ssl_mode(PgSslMode::from_str(value).map_err(|_| {
                    refused("sslmode is none of disable, allow, prefer, require, verify-ca, verify-full")
                })?),
                // libpq's word for the system's certificates, which are ours by default
                "sslrootcert" if value == "system" => options.ssl_mode(PgSslMode::VerifyFull),
                "sslrootcert" => options.ssl_root_cert(value),
                "sslcert" => options.ssl_client_cert(value),
                "sslkey" => options.ssl_client_key(value),
                "application_name" => options.application_name(value),
                "statement-cache-capacity" | "statement_cache_capacity" => options.statement_cache_capacity(
                    value.parse().map_err(|_| refused("statement-cache-capacity is not a number"))?,
                ),
                "options" => options.options(startup_settings(value)?),
                "passfile" | "service" => return Err(refused("passfile and service are not supported")),
                other if IGNORED.contains(&other) || other.starts_with("pool_") => options,
                // as the original's drivers do: anything else is a setting of the session, such as search_path
                other if is_setting(other) => options.options([(other, value)]),
                _ => return Err(refused("it holds something that is not a keyword")),
            };
    }
    Ok(options)
}

fn is_setting(keyword: &str) -> bool {
    keyword.starts_with(|c: char| c.is_ascii_lowercase())
        && keyword.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'.')
}

/// `-c name=value --name=value ...`; a backslash keeps the next character.
fn startup_settings(text: &str) -> Result<Parameters, StoreError> {
    let bad = || refused("options holds something other than -c name=value");
    let mut words = Vec::new();
    let mut word = String::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            ' ' => words.push(std::mem::take(&mut word)),
            '\\' => word.extend(chars.next()),
            c => word.push(c),
        }
    }
    words.push(word);
    let mut words = words.into_iter().filter(|w| !w.is_empty());
    let mut settings = Vec::new();
    while let Some(word) = words.next() {
        let setting = if word == "-c" {
            words.next().ok_or_else(bad)?
        } else {
            word.strip_prefix("--").or_else(|| word.strip_prefix("-c")).ok_or_else(bad)?.to_owned()
        };
        let (name, value) = setting.split_once('=').ok_or_else(bad)?;
        settings.push((name.replace('-', "_"), value.to_owned()));
    }
    Ok(settings)
}

fn url_parameters(rest: &str) -> Result<Parameters, StoreError> {
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (authority, database) = rest.split_once('/').unwrap_or((rest, ""));
    // the last @: a password may hold one unescaped
    let (credentials, address) = authority.rsplit_once('@').unwrap_or(("", authority));
    let (user, password) = credentials.split_once(':').unwrap_or((credentials, ""));
    let (host, port) = match address.strip_prefix('[') {
        Some(inner) => {
            let (host, after) = inner.split_once(']').ok_or_else(|| refused("the host's bracket is not closed"))?;
            (host, after.strip_prefix(':').unwrap_or(after))
        }
        None => address.rsplit_once(':').unwrap_or((address, "")),
    };
    let mut parameters = Vec::new();
    for (keyword, text) in
        [("user", user), ("password", password), ("host", host), ("port", port), ("dbname", database)]
    {
        parameters.push((keyword.to_owned(), percent_decoded(text)?));
    }
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (keyword, value) = pair.split_once('=').ok_or_else(|| refused("a parameter has no value"))?;
        // as in a form: the original read its URLs with Go's url.Query
        parameters.push((percent_decoded(keyword)?, percent_decoded(&value.replace('+', " "))?));
    }
    Ok(parameters)
}

fn percent_decoded(text: &str) -> Result<String, StoreError> {
    let bad = || refused("a percent escape is broken");
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let mut digit = || rest.next().and_then(|d| char::from(d).to_digit(16)).ok_or_else(bad);
            let value = digit()? * 16 + digit()?;
            bytes.push(u8::try_from(value).map_err(|_| bad())?);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).map_err(|_| bad())
}

/// `keyword = value` pairs; a value in single quotes may hold spaces, a backslash keeps the next character.
fn keyword_parameters(text: &str) -> Result<Parameters, StoreError> {
    let mut chars = text.chars().peekable();
    let mut parameters = Vec::new();
    loop {
        while chars.next_if(|c| c.is_whitespace()).is_some() {}
        if chars.peek().is_none() {
            return Ok(parameters);
        }
        let mut keyword = String::new();
        while let Some(c) = chars.next_if(|c| !c.is_whitespace() && *c != '=') {
            keyword.push(c);
        }
        while chars.next_if(|c| c.is_whitespace()).is_some() {}
        if chars.next() != Some('=') {
            return Err(refused("a keyword has no value; a value with spaces needs single quotes"));
        }
        while chars.next_if(|c| c.is_whitespace()).is_some() {}
        let quoted = chars.next_if_eq(&'\'').is_some();
        let mut value = String::new();
        loop {
            match chars.next() {
                Some('\\') => value.extend(chars.next()),
                Some('\'') if quoted => break,
                Some(c) if !quoted && c.is_whitespace() => break,
                Some(c) => value.push(c),
                None if quoted => return Err(refused("a quoted value is not closed")),
                None => break,
            }
        }
        parameters.push((keyword, value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Everything that can be read back, the password and cache size through the URL that sqlx builds.
    fn shown(text: &str) -> String {
        let options = parse(text).unwrap();
        let mut url = options.to_url_lossy();
        let query: Vec<_> = url
            .query_pairs()
            .filter(|(k, v)| k != "statement-cache-capacity" || v != "100")
            .map(|(k, v)| format!("{k}={v}"))
            .collect();
        url.set_query(Some(&query.join("&")));
        format!("{url} {:?} {:?}", options.get_application_name(), options.get_options())
    }

    const PLAIN: &str = "Some(\"orloj-operator\") None";

    #[test]
    fn both_forms_say_the_same() {
        let url = shown("postgres://me:p%40ss%20word@db:6432/orloj?sslmode=verify-full&sslrootcert=/etc/ca.pem");
        assert!(url.starts_with("postgres://me:p%40ss%20word@db:6432/orloj?sslmode=verify-full&sslrootcert="), "{url}");
        let keywords = "host=db port = 6432 user=me password='p@ss word' dbname=orloj sslmode=verify-full \
                        sslrootcert=/etc/ca.pem";
        assert_eq!(url, shown(keywords));
    }

    #[test]
    fn keyword_form_follows_libpq() {
        for (text, expected) in [
            (
                r"user=a password='it\'s \\ here' host=h",
                format!("postgres://a:it%27s%20%5C%20here@h:5432?sslmode=prefer {PLAIN}"),
            ),
            (r"user=a password=x\ y host=h", format!("postgres://a:x%20y@h:5432?sslmode=prefer {PLAIN}")),
            ("  user = a\n host = h  sslmode=disable ", format!("postgres://a@h:5432?sslmode=disable {PLAIN}")),
            ("user=a password='' host=h", format!("postgres://a@h:5432?sslmode=prefer {PLAIN}")),
            ("user=a host=/run/pg", format!("postgres://a@%2Frun%2Fpg:5432?sslmode=prefer {PLAIN}")),
            (
                "user=a host=h connect_timeout=3 application_name=x",
                "postgres://a@h:5432?sslmode=prefer Some(\"x\") None".into(),
            ),
            (
                "user=a host=h search_path=orloj",
                "postgres://a@h:5432?sslmode=prefer Some(\"orloj-operator\") Some(\"-c search_path=orloj\")".into(),
            ),
            (
                r"user=a host=h options='-c search_path=a --geqo=off'",
                "postgres://a@h:5432?sslmode=prefer Some(\"orloj-operator\") Some(\"-c search_path=a -c geqo=off\")"
                    .into(),
            ),
        ] {
            assert_eq!(shown(text), expected, "{text}");
        }
    }

    #[test]
    fn url_form_takes_what_go_takes() {
        for (text, expected) in [
            ("postgresql://a@h", format!("postgres://a@h:5432?sslmode=prefer {PLAIN}")),
            ("postgres://a:b@c@h/d", format!("postgres://a:b%40c@h:5432/d?sslmode=prefer {PLAIN}")),
            ("postgres://a@%2Frun%2Fpg/d", format!("postgres://a@%2Frun%2Fpg:5432/d?sslmode=prefer {PLAIN}")),
            (
                "postgres://h/d?user=a&password=b&statement-cache-capacity=0",
                format!("postgres://a:b@h:5432/d?sslmode=prefer&statement-cache-capacity=0 {PLAIN}"),
            ),
        ] {
            assert_eq!(shown(text), expected, "{text}");
        }
    }

    #[test]
    fn an_ipv6_address_is_bracketed_only_where_shown() {
        let options = parse("postgres://a@[::1]:7/d").unwrap();
        assert_eq!((options.get_host(), options.get_port()), ("::1", 7));
        assert_eq!(redacted(&options), "postgres://a@[::1]:7/d");
    }

    #[test]
    fn a_broken_dsn_is_refused_without_being_repeated() {
        for text in [
            "postgres://a:s3cret@h:port/d",
            "postgres://a:s3cret%zz@h/d",
            "postgres://a:s3cret@h/d?sslmode=s3cret",
            "postgres://a:s3cret@[::1/d",
            "user=a password=my s3cret",
            "user=a password='s3cret",
            "host=a,b password=s3cret",
            "S3CRET s3cret=1 =",
            "redis://s3cret",
        ] {
            let error = parse(text).unwrap_err().to_string();
            assert!(error.starts_with("unable to"), "{error}");
            assert!(!error.to_lowercase().contains("s3cret"), "{error}");
        }
    }
}
