//! Suggestions for misspelt names.

/// "did you mean ...", where one of `known` is close to `name`.
#[must_use]
pub fn suggest<'k>(name: &str, known: impl IntoIterator<Item = &'k str>) -> Option<String> {
    let folded = name.to_lowercase();
    known
        .into_iter()
        .filter(|word| *word != name && !word.is_empty())
        .map(|word| (strsim::damerau_levenshtein(&folded, &word.to_lowercase()), word))
        // of names of one or two letters any other is close
        .filter(|(distance, word)| *distance <= 1 + word.len() / 4 && distance * 2 < name.len().max(word.len()))
        .min()
        .map(|(_, word)| format!("did you mean `{word}`?"))
}
