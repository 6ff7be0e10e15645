//! Names of time zones as `time.LoadLocation` takes them, with all zone data there (`kinds/ORLOJD.md` 4.7).

/// Names of the IANA data of 2025, one a line, in bytewise order.
const NAMES: &str = include_str!("zones.txt");

/// What is wrong with a name, in Go's words. Case counts.
pub fn check(name: &str) -> Result<(), String> {
    let known = ["", "UTC", "Local"].contains(&name) || NAMES.lines().any(|known| known == name);
    if known { Ok(()) } else { Err(format!("unknown time zone {name}")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_zone_data() {
        for name in ["UTC", "Europe/Berlin", "America/Argentina/Buenos_Aires", "CET", "Local", "Etc/GMT+5"] {
            assert_eq!(check(name), Ok(()), "{name}");
        }
        for name in ["utc", "Europe/Nowhere", "Europe", "europe/berlin", "../etc/passwd"] {
            assert_eq!(check(name), Err(format!("unknown time zone {name}")));
        }
    }
}
