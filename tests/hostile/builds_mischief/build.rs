//! Leaves a process, and writes wherever it can, while it is being built.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

fn main() {
    // With pipes of its own: cargo would wait for the end of its output.
    let mut sleeper = Command::new("setsid");
    sleeper.args(["sleep", "98765"]);
    let _ = sleeper.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    let here = std::env::current_dir().unwrap_or_default();
    let home = std::env::var("HOME").unwrap_or_default();
    let places = here.ancestors().skip(3).chain([Path::new(&home), Path::new("/usr")]);
    for place in places {
        let _ = fs::write(place.join("socket_labs_was_here"), "x");
    }
    for message in ["compiler-artifact", "build-finished"] {
        println!("{{\"reason\":\"{message}\",\"success\":true}}");
    }
}
