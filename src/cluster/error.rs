//! Errors of the client for the API server, told in one line.

use std::error::Error;

use kube::client::AuthError;
use kube::core::Status;

/// An error with all its causes: what the client says by itself ("client error (Connect)") leaves out the one that
/// helps. Of an answer of the API server it is the server's own message.
#[must_use]
pub fn describe(error: &(dyn Error + 'static)) -> String {
    let mut told = String::new();
    let mut next = Some(error);
    while let Some(cause) = next {
        let text = text_of(cause);
        // many an error says what its cause says
        if !told.contains(&text) {
            if !told.is_empty() {
                told.push_str(": ");
            }
            told.push_str(&text);
        }
        next = if says_it_all(cause) { None } else { cause.source() };
    }
    told.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What a status of the API server says.
#[must_use]
pub fn message(status: &Status) -> String {
    match (status.message.as_str(), status.reason.as_str()) {
        ("", "") => format!("the API server answered with {}", status.code),
        ("", reason) => reason.to_owned(),
        (message, _) => message.to_owned(),
    }
}

fn says_it_all(error: &(dyn Error + 'static)) -> bool {
    matches!(error.downcast_ref(), Some(kube::Error::Api(_)))
        || matches!(error.downcast_ref(), Some(AuthError::AuthExecRun { .. }))
}

fn text_of(error: &(dyn Error + 'static)) -> String {
    match error.downcast_ref::<kube::Error>() {
        Some(kube::Error::Api(status)) => return message(status),
        // both are but a wrapping
        Some(kube::Error::Service(inner)) => return inner.to_string(),
        Some(kube::Error::Auth(inner)) => return text_of(inner),
        _ => {}
    }
    match error.downcast_ref::<AuthError>() {
        // its own text has the plug-in's environment and all that it printed, and with these maybe a token
        Some(AuthError::AuthExecRun { out, .. }) => {
            let said = String::from_utf8_lossy(&out.stderr);
            format!("the credential plugin failed ({}): {}", out.status, said.trim())
        }
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("outer: {0}")]
    struct Outer(#[source] Inner);

    #[derive(Debug, thiserror::Error)]
    #[error("inner")]
    struct Inner(#[source] std::io::Error);

    #[test]
    fn all_causes_are_told_and_none_twice() {
        let error = Outer(Inner(std::io::Error::other("certificate\n has expired")));
        assert_eq!(describe(&error), "outer: inner: certificate has expired");
        assert_eq!(describe(&kube::Error::Service(Box::new(error))), "outer: inner: certificate has expired");
    }

    #[test]
    fn the_api_server_is_quoted() {
        let status: Status = serde_json::from_str(r#"{"code": 403, "message": "no", "reason": "Forbidden"}"#).unwrap();
        assert_eq!(describe(&kube::Error::Api(Box::new(status))), "no");
        let silent: Status = serde_json::from_str(r#"{"code": 502}"#).unwrap();
        assert_eq!(describe(&kube::Error::Api(Box::new(silent))), "the API server answered with 502");
    }
}
