//! The names of character classes that Go 1.26 knows.

/// Names of categories and scripts in the form that [`is_unicode`] compares: sorted, lower case.
///
/// Scripts of more than one word (`Old_Italic`) are missing on purpose: Go 1.25 and 1.26 normalise
/// the name that a pattern gives but not their own, and so find none of them.
#[rustfmt::skip]
const UNICODE: [&str; 200] = [
    "adlam", "ahom", "any", "arabic", "armenian", "ascii", "assigned", "avestan", "balinese", "bamum",
    "batak", "bengali", "bhaiksuki", "bopomofo", "brahmi", "braille", "buginese", "buhid", "c", "carian",
    "casedletter", "cc", "cf", "chakma", "cham", "cherokee", "chorasmian", "closepunctuation", "cn",
    "cntrl", "co", "combiningmark", "common", "connectorpunctuation", "control", "coptic", "cs",
    "cuneiform", "currencysymbol", "cypriot", "cyrillic", "dashpunctuation", "decimalnumber", "deseret",
    "devanagari", "digit", "dogra", "duployan", "elbasan", "elymaic", "enclosingmark", "ethiopic",
    "finalpunctuation", "format", "georgian", "glagolitic", "gothic", "grantha", "greek", "gujarati",
    "gurmukhi", "han", "hangul", "hanunoo", "hatran", "hebrew", "hiragana", "inherited",
    "initialpunctuation", "javanese", "kaithi", "kannada", "katakana", "kawi", "kharoshthi", "khmer",
    "khojki", "khudawadi", "l", "lao", "latin", "lc", "lepcha", "letter", "letternumber", "limbu",
    "lineseparator", "lisu", "ll", "lm", "lo", "lowercaseletter", "lt", "lu", "lycian", "lydian", "m",
    "mahajani", "makasar", "malayalam", "mandaic", "manichaean", "marchen", "mark", "mathsymbol", "mc",
    "me", "medefaidrin", "miao", "mn", "modi", "modifierletter", "modifiersymbol", "mongolian", "mro",
    "multani", "myanmar", "n", "nabataean", "nandinagari", "nd", "newa", "nko", "nl", "no",
    "nonspacingmark", "number", "nushu", "ogham", "openpunctuation", "oriya", "osage", "osmanya", "other",
    "otherletter", "othernumber", "otherpunctuation", "othersymbol", "p", "palmyrene", "paragraphseparator",
    "pc", "pd", "pe", "pf", "phoenician", "pi", "po", "privateuse", "ps", "punct", "punctuation", "rejang",
    "runic", "s", "samaritan", "saurashtra", "sc", "separator", "sharada", "shavian", "siddham", "sinhala",
    "sk", "sm", "so", "sogdian", "soyombo", "spaceseparator", "spacingmark", "sundanese", "surrogate",
    "symbol", "syriac", "tagalog", "tagbanwa", "takri", "tamil", "tangsa", "tangut", "telugu", "thaana",
    "thai", "tibetan", "tifinagh", "tirhuta", "titlecaseletter", "toto", "ugaritic", "unassigned",
    "uppercaseletter", "vai", "vithkuqi", "wancho", "yezidi", "yi", "z", "zl", "zp", "zs",
];

const POSIX: [&str; 14] = [
    "alnum", "alpha", "ascii", "blank", "cntrl", "digit", "graph", "lower", "print", "punct", "space", "upper", "word",
    "xdigit",
];

/// A name of `\p{..}`: case, underscores, hyphens and spaces do not matter.
pub(super) fn is_unicode(name: &str) -> bool {
    let plain: String =
        name.chars().filter(|c| !matches!(c, '_' | '-' | ' ')).map(|c| c.to_ascii_lowercase()).collect();
    UNICODE.binary_search(&plain.as_str()).is_ok()
}

/// A name of `[[:..:]]`, possibly negated.
pub(super) fn is_posix(name: &str) -> bool {
    POSIX.contains(&name.strip_prefix('^').unwrap_or(name))
}
