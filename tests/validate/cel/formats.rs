//! Formats of strings: hand-picked and random ones, judged here and in the server.

use std::collections::BTreeSet;

use futures::StreamExt;
use orloj_operator::apimachinery::formats::StringFormat;
use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use serde_json::{Map, Value, json};

use super::{CONCURRENCY, ask, crd, generate, install};
use crate::bed;
use crate::differential::{number, seed};

/// Texts of each format; `VALIDATE_COUNT` says another number.
const COUNT: usize = 400;

/// Names of formats, texts that have it or nearly do, and characters to change them by.
const FORMATS: &[(&str, &[&str], &str)] = &[
    ("bsonobjectid", &["507f1f77bcf86cd799439011", "507F1F77BCF86CD799439011"], "0aFg"),
    (
        "uri",
        &[
            "http://a.b:80/c?d=e#f",
            "/a",
            "mailto:a@b",
            "http://[::1]:80",
            "x://u:p@h:1/%41",
            "*",
            "http://a:1:2",
            "a:b",
        ],
        ":/?#[]@%4 äZ.\u{7f}\"<",
    ),
    (
        "email",
        &[
            "a@b.c",
            "\"a b\"@c",
            "Name <a@b>",
            "a@[1.2.3.4]",
            "g: a@b;",
            "a@b (c)",
            "=?utf-8?q?=41?= <a@b>",
            "=?x?q?a?= b <a@b>",
        ],
        "@.<>\"()\\: ;,=?ä[",
    ),
    ("hostname", &["a", "example.com", "a-b.c-d.ef", "ä.de", "1.com", "a.b", "☃.net", "-a.bc"], "-._a1ä☃ "),
    ("ipv4", &["1.2.3.4", "010.001.000.255", "::ffff:1.2.3.4", "::1.2.3.04", "1.2.3"], ".0259:f "),
    ("ipv6", &["::", "::1", "2001:db8::1", "1:2:3:4:5:6:7:8", "::ffff:1.2.3.4", "fe80::1%a"], ":0af.%1"),
    ("cidr", &["10.0.0.0/8", "::/0", "010.0.0.0/08", "2001:db8::/32", "1:2:3:4:5:6:7:8/128", "::00001/1"], "/.:0189a"),
    (
        "mac",
        &["00:00:5e:00:53:01", "00-00-5e-00-53-01", "0000.5e00.5301", "02:00:5e:10:00:00:00:01", "00005e005301"],
        ":-.0aG",
    ),
    ("uuid", &["123e4567-e89b-12d3-a456-426614174000", "123e4567e89b12d3a456426614174000"], "-0aFg"),
    ("uuid3", &["123e4567-e89b-32d3-a456-426614174000"], "-03aFg"),
    ("uuid4", &["123e4567-e89b-42d3-a456-426614174000"], "-04aFg"),
    ("uuid5", &["123e4567-e89b-52d3-a456-426614174000"], "-05aFg"),
    ("isbn", &["0321751043", "978-0321751041", "0-8044-2957-X"], "-0X9 \t\u{a0}"),
    ("isbn10", &["0321751043", "0-8044-2957-X"], "-0X9 "),
    ("isbn13", &["978-0321751041", "9780306406157"], "-09 "),
    ("creditcard", &["4111111111111111", "378282246310005", "6011-1111-1111-1117", "5555 5555 5555 4444"], "-0149 a"),
    ("ssn", &["123-45-6789", "123 45 6789", "123456789"], "- 019"),
    ("hexcolor", &["#fff", "#FFFFFF", "abc", "a1b2c3"], "#fFgG0"),
    ("rgbcolor", &["rgb(0,0,0)", "rgb( 255 , 1 , 20 )", "rgb(100,200,249)"], "rgb(), 0259"),
    ("byte", &["dGV4dA==", "YWI=", "YWJj", ""], "=aA+/-_\n"),
    ("password", &["", "x"], "aä"),
    ("date", &["2024-02-29", "0001-01-01", "9999-12-31"], "-0129 T"),
    (
        "duration",
        &["1h", "22 ns", "1.5h", "3 days", "-1m", "2weeks", "1h 30 min", "9223372036854775807 d"],
        "1 hmsnuµdwke.-",
    ),
    (
        "date-time",
        &["2024-02-29T12:30:00Z", "2024-02-29t12:30:00.5z", "2024-02-29T12:30:00+02:00", "2024-02-29T12:30:00x1Zt"],
        "-:0129TtZz.+ x",
    ),
    ("datetime", &["2024-02-29T12:30:00Z"], "-:0129TtZz.+ "),
    ("k8s-short-name", &["a-b", "a1"], "-aA._1"),
    ("k8s-long-name", &["a-b.c", "a1"], "-aA._1"),
    ("unheard-of", &["x"], "x"),
];

fn key(format: &str) -> String {
    format.replace('-', "")
}

#[tokio::test(flavor = "multi_thread")]
async fn texts_have_the_formats_that_they_have_in_the_server() {
    let plane = bed::control_plane();
    let seed = seed();
    println!("VALIDATE_SEED={seed} repeats this run");
    let mut rng = StdRng::seed_from_u64(seed);
    // `datetime` and `date-time` are one, and get a field each
    let name = |index: usize| format!("{}{index}", key(FORMATS[index].0));
    let properties: Map<String, Value> = FORMATS
        .iter()
        .enumerate()
        .map(|(index, (format, ..))| (name(index), json!({"type": "string", "format": format})))
        .collect();
    install(plane, &[crd("format", &json!({"type": "object", "properties": properties}))]);
    let client = plane.admin_client().await;
    let all: Vec<&str> = FORMATS.iter().flat_map(|(_, texts, _)| texts.iter().copied()).collect();
    let count = number("VALIDATE_COUNT").unwrap_or(COUNT);
    let mut objects = Vec::new();
    for turn in 0..count {
        let object: Map<String, Value> = FORMATS
            .iter()
            .enumerate()
            .map(|(index, (_, texts, alphabet))| {
                let text = match turn % 8 {
                    // as they are, then those of other formats, and else something close
                    0 => texts[turn / 8 % texts.len()].to_owned(),
                    1 => (*all.choose(&mut rng).unwrap()).to_owned(),
                    _ => generate::near(texts, alphabet, &mut rng),
                };
                (name(index), text.into())
            })
            .collect();
        objects.push(Value::Object(object));
    }
    let answers = futures::stream::iter(objects)
        .map(|object| {
            let client = client.clone();
            async move { (ask(&client, "format", &object).await, object) }
        })
        .buffer_unordered(CONCURRENCY)
        .collect::<Vec<_>>()
        .await;
    let mut wrong = Vec::new();
    let (mut good, mut bad) = (vec![0; FORMATS.len()], vec![0; FORMATS.len()]);
    for (answer, object) in &answers {
        let refused: BTreeSet<&str> = answer.iter().map(|(field, _)| field.as_str()).collect();
        for (index, (format, ..)) in FORMATS.iter().enumerate() {
            let text = object[name(index)].as_str().unwrap();
            let theirs = !refused.contains(format!("spec.v.{}", name(index)).as_str());
            let ours = StringFormat::of(format).is_none_or(|format| format.fits(text));
            if ours == theirs {
                *(if ours { &mut good } else { &mut bad }).get_mut(index).unwrap() += 1;
            } else {
                wrong.push(format!("{format} {text:?}: ours {ours}, theirs {theirs}"));
            }
        }
    }
    for (index, (format, ..)) in FORMATS.iter().enumerate() {
        println!("{format:16} accepted {:4}, refused {:4}", good[index], bad[index]);
    }
    println!("{} texts compared", answers.len() * FORMATS.len());
    let shown = wrong.iter().take(40).cloned().collect::<Vec<_>>().join("\n");
    assert!(wrong.is_empty(), "{} disagreements (VALIDATE_SEED={seed}):\n{shown}", wrong.len());
}
