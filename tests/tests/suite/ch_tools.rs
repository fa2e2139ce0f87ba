//! The tools of chapters 1, 2 and 5 agree with tshark, Python, ss, getent and nmap.
//!
//! The comparison itself is in tests/peers/tools_agree.py; what needs a tool that is
//! missing is visibly ignored.

use std::path::Path;
use std::process::Command;

use grading::harness::{Target, python};
use libtest_mimic::{Failed, Trial};

/// Case, lab step, the tool that it needs, and whether it runs in namespaces of its own.
const CASES: &[(&str, &str, &str, bool)] = &[
    ("subnets", "subnet_calculator", "python3", false),
    ("headers", "ip_header", "tshark", false),
    ("frames", "layers", "tshark", false),
    ("sockets", "connection_monitor", "ss", true),
    // Not there: with loopback alone, getent finds no address usable (AI_ADDRCONFIG).
    ("names", "dns_lookup", "getent", false),
    ("scan", "port_scanner", "nmap", true),
    ("filtered", "port_scanner", "ip", true),
];

/// The tests of this file.
pub fn trials() -> Vec<Trial> {
    let trials = CASES.iter().map(|&(case, step, tool, namespace)| {
        let missing = python().is_none()
            || !runs("sh", &["-c", &format!("command -v {tool}")])
            || namespace && !runs("unshare", &["-rnm", "ip", "link", "set", "lo", "up"]);
        let name = format!("{step}::agrees_with_{tool}");
        Trial::test(name, move || agrees(case, step, namespace))
            .with_ignored_flag(missing)
    });
    trials.collect()
}

fn runs(program: &str, args: &[&str]) -> bool {
    let output = Command::new(program).args(args).output();
    output.is_ok_and(|output| output.status.success())
}

fn agrees(case: &str, step: &str, namespace: bool) -> Result<(), Failed> {
    let prepared = Target::Reference.prepare(&[step])?;
    let binary = prepared.binary(step).ok_or("it does not compile")?;
    let python = python().ok_or("Python 3 is needed")?;
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers/tools_agree.py");
    let seed = fastrand::u32(..).to_string();
    let words = [
        script.as_os_str(),
        case.as_ref(),
        seed.as_ref(),
        binary.as_os_str(),
    ];
    let output = if namespace {
        // Only our own sockets are there, and all ports are free.
        let setup = "ip link set lo up && exec \"$@\"";
        let mut unshare = Command::new("unshare");
        unshare
            .args(["-rn", "sh", "-c", setup, "sh", python])
            .args(words);
        unshare.output()?
    } else {
        Command::new(python).args(words).output()?
    };
    if output.status.success() {
        return Ok(());
    }
    let errors = String::from_utf8_lossy(&output.stderr);
    Err(format!("seed {seed}\n{errors}").into())
}
