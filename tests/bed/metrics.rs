//! Reading the Prometheus text format.

/// The sum of the series of that name whose labels hold all these pairs; 0 where there is none.
///
/// # Panics
/// Where a value is not a number.
pub fn sum(text: &str, name: &str, labels: &[(&str, &str)]) -> f64 {
    let series = text.lines().filter_map(|line| {
        let rest = line.strip_prefix(name)?;
        let (have, value) = match rest.strip_prefix('{') {
            // The last brace: a label's value may hold one.
            Some(rest) => rest.rsplit_once('}')?,
            None if rest.starts_with(' ') => ("", rest),
            None => return None,
        };
        labels.iter().all(|(name, value)| holds(have, name, value)).then_some(value)
    });
    series.map(number).sum()
}

fn number(value: &str) -> f64 {
    let value = value.split_whitespace().next().unwrap_or_default();
    value.parse().unwrap_or_else(|_| panic!("{value:?} is not a number"))
}

fn holds(labels: &str, name: &str, value: &str) -> bool {
    let pair = format!("{name}=\"{value}\"");
    labels.match_indices(&pair).any(|(at, _)| at == 0 || labels[..at].ends_with([',', ' ']))
}

#[cfg(test)]
mod tests {
    use super::sum;

    #[test]
    fn sums_only_what_is_asked_for() {
        let text = "# TYPE a counter\na_total{verb=\"PATCH\",resource=\"tools\"} 2\n\
                    a_total{verb=\"PATCH\",resource=\"agents\"} 3\na_total_more 7\na 5\n";
        let near = |value: f64, expected: f64| assert!((value - expected).abs() < 1e-9, "{value} is not {expected}");
        near(sum(text, "a_total", &[("verb", "PATCH")]), 5.0);
        near(sum(text, "a_total", &[("resource", "tools"), ("verb", "PATCH")]), 2.0);
        near(sum(text, "a_total", &[("erb", "PATCH")]), 0.0);
        near(sum(text, "a", &[]), 5.0);
    }
}
