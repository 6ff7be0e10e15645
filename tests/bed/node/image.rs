//! What the image would hold, as its Dockerfile says.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

/// The one image that a node can run.
#[derive(Debug, Clone)]
pub struct Image {
    /// Its name, as containers must name it.
    pub name: String,
    /// The program under test, in the place of the one that the Dockerfile would build.
    pub program: PathBuf,
}

const DOCKERFILE: &str = include_str!("../../../Dockerfile");

/// The folders of the C library that the program is linked with: the last stage has them too.
const LIBRARIES: &[&str] = &["/usr/lib", "/usr/lib64", "/lib", "/lib64", "/etc/ssl"];

fn instruction(name: &str) -> &'static str {
    let mut lines = DOCKERFILE.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    // Of several stages the last one counts.
    lines.next_back().unwrap_or_else(|| panic!("the Dockerfile has no {name}"))
}

/// `ENTRYPOINT`.
pub fn entry_point() -> Vec<String> {
    serde_json::from_str(instruction("ENTRYPOINT")).expect("ENTRYPOINT is a list")
}

/// `USER`, by numbers: user and group.
pub fn user() -> (u32, u32) {
    let numbers = instruction("USER").split_once(':').map(|(user, group)| (user.parse(), group.parse()));
    let Some((Ok(user), Ok(group))) = numbers else { panic!("USER is two numbers") };
    (user, group)
}

impl Image {
    /// What is where in the root of a container.
    pub fn parts(&self) -> Vec<Value> {
        let part = |source: &Path, target: &str| json!({"source": source, "target": target});
        let libraries = LIBRARIES.iter().map(|folder| part(Path::new(folder), folder));
        libraries.chain([part(&self.program, &entry_point()[0])]).collect()
    }
}
