//! Versions as `github.com/blang/semver` reads them.

use std::cmp::Ordering;

/// A semantic version. What stands behind a `+` has been checked, and counts for nothing.
#[derive(Clone, Debug)]
pub struct SemanticVersion {
    pub major: u64,
    pub minor: u64,
    pub patch: u64,
    pre: Vec<PreReleasePart>,
}

/// A part of a pre-release: numbers come before words.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum PreReleasePart {
    Number(u64),
    Word(String),
}

fn is_number(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

fn number(text: &str) -> Option<u64> {
    let leading_zero = text.len() > 1 && text.starts_with('0');
    if !is_number(text) || leading_zero { None } else { text.parse().ok() }
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

impl SemanticVersion {
    /// `major.minor.patch`, and what may follow.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.splitn(3, '.');
        let (major, minor, rest) = (parts.next()?, parts.next()?, parts.next()?);
        let (rest, build) = rest.split_once('+').map_or((rest, None), |(rest, build)| (rest, Some(build)));
        let (patch, pre) = rest.split_once('-').map_or((rest, None), |(patch, pre)| (patch, Some(pre)));
        if build.is_some_and(|build| !build.split('.').all(is_word)) {
            return None;
        }
        let part = |text: &str| match text {
            "" => None,
            text if is_number(text) => number(text).map(PreReleasePart::Number),
            text => is_word(text).then(|| PreReleasePart::Word(text.to_owned())),
        };
        let pre = pre.map_or(Some(Vec::new()), |pre| pre.split('.').map(part).collect())?;
        Some(Self { major: number(major)?, minor: number(minor)?, patch: number(patch)?, pre })
    }

    /// As [`Version::parse`], after a `v`, with leading zeros, and short of minor and patch.
    pub fn parse_tolerant(text: &str) -> Option<Self> {
        let text = text.strip_prefix('v').unwrap_or(text);
        let mut parts: Vec<String> = text.splitn(3, '.').map(without_zeros).collect();
        if parts.len() < 3 {
            if parts.last()?.contains(['+', '-']) {
                return None;
            }
            parts.resize(3, "0".to_owned());
        }
        Self::parse(&parts.join("."))
    }

    /// Which comes first.
    pub fn compare(&self, other: &Self) -> Ordering {
        let numbers = |one: &Self| (one.major, one.minor, one.patch);
        let released = |one: &Self| one.pre.is_empty();
        numbers(self).cmp(&numbers(other)).then_with(|| match (released(self), released(other)) {
            (true, true) => Ordering::Equal,
            (one, other) if one != other => one.cmp(&other),
            _ => self.pre.cmp(&other.pre),
        })
    }
}

fn without_zeros(part: &str) -> String {
    if part.len() <= 1 {
        return part.to_owned();
    }
    let trimmed = part.trim_start_matches('0');
    if trimmed.starts_with(|c: char| c.is_ascii_digit()) { trimmed.to_owned() } else { format!("0{trimmed}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_ordered() {
        let ordered = ["0.0.1", "0.1.0", "1.0.0-1", "1.0.0-2", "1.0.0-a", "1.0.0-a.1", "1.0.0-b", "1.0.0", "1.0.1"];
        let versions: Vec<_> = ordered.iter().map(|text| SemanticVersion::parse(text).unwrap()).collect();
        assert!(versions.windows(2).all(|pair| pair[0].compare(&pair[1]) == Ordering::Less));
        let build = |text: &str| SemanticVersion::parse(text).unwrap();
        assert_eq!(build("1.0.0+a").compare(&build("1.0.0+b")), Ordering::Equal);
        for wrong in
            ["", "1", "1.0", "01.0.0", "1.0.0-", "1.0.0-01", "1.0.0+", "v1.0.0", "1.0.0-a_b", "1.0.0.0", " 1.0.0"]
        {
            assert!(SemanticVersion::parse(wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn tolerance_has_limits() {
        for (text, normal) in [("v1", "1.0.0"), ("1.2", "1.2.0"), ("v01.002.0003", "1.2.3"), ("000.1.0-a", "0.1.0-a")] {
            let (one, other) =
                (SemanticVersion::parse_tolerant(text).unwrap(), SemanticVersion::parse(normal).unwrap());
            assert_eq!(one.compare(&other), Ordering::Equal, "{text}");
        }
        for wrong in ["", "v", "1-a", "1.2+b", "vv1", " 1"] {
            assert!(SemanticVersion::parse_tolerant(wrong).is_none(), "{wrong}");
        }
    }
}
