//! `cargo lab grade`: submissions of all kinds, hostile ones too.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test may assume what it has set up itself"
)]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
#[cfg(target_os = "linux")]
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
#[cfg(target_os = "linux")]
use std::time::Instant;

use crate::support::{
    course, lab, python_submission, run, stderr, stdout, tests_dir, without_times,
};
use grading::grade::Isolation;
#[cfg(target_os = "linux")]
use grading::harness::Exam;
use grading::report::{CheckStatus, Report, State, SubmissionReport};
use libtest_mimic::Trial;

/// The tests of this file.
pub fn trials() -> Vec<Trial> {
    let mut trials = crate::all_with_python(&[
        (
            "marks_and_exit_status_say_what_was_handed_in",
            marks_and_exit_status_say_what_was_handed_in,
        ),
        (
            "where_the_grader_stands_is_no_matter",
            where_the_grader_stands_is_no_matter,
        ),
        (
            "a_build_has_room_for_temporary_files",
            a_build_has_room_for_temporary_files,
        ),
        (
            "a_build_command_finds_the_rust_compiler",
            a_build_command_finds_the_rust_compiler,
        ),
        (
            "odd_folders_are_answered_with_what_is_wrong",
            odd_folders_are_answered_with_what_is_wrong,
        ),
        (
            "the_same_seed_gives_the_same_report",
            the_same_seed_gives_the_same_report,
        ),
        (
            "a_killed_run_leaves_a_valid_report_and_resumes_to_the_same",
            a_killed_run_leaves_a_valid_report_and_resumes_to_the_same,
        ),
        #[cfg(target_os = "linux")]
        (
            "a_killed_grader_leaves_no_program_behind",
            a_killed_grader_leaves_no_program_behind,
        ),
        #[cfg(target_os = "linux")]
        (
            "a_program_ends_with_who_has_started_it",
            a_program_ends_with_who_has_started_it,
        ),
        ("shards_merge_to_the_whole", shards_merge_to_the_whole),
        (
            "a_merge_says_which_shards_are_missing",
            a_merge_says_which_shards_are_missing,
        ),
        (
            "reports_of_different_runs_are_not_merged",
            reports_of_different_runs_are_not_merged,
        ),
        (
            "a_resume_over_another_run_is_refused",
            a_resume_over_another_run_is_refused,
        ),
        (
            "wrong_usage_ends_with_status_2",
            wrong_usage_ends_with_status_2,
        ),
        (
            "what_does_not_compile_is_told_in_the_students_terms",
            what_does_not_compile_is_told_in_the_students_terms,
        ),
        (
            "control_characters_and_formulas_in_names_are_harmless",
            control_characters_and_formulas_in_names_are_harmless,
        ),
        (
            "similarity_of_one_asks_for_another",
            similarity_of_one_asks_for_another,
        ),
        (
            "an_empty_submission_has_a_test_that_says_so",
            an_empty_submission_has_a_test_that_says_so,
        ),
        #[cfg(unix)]
        (
            "links_that_lead_out_are_not_followed",
            links_that_lead_out_are_not_followed,
        ),
        (
            "the_examples_get_what_their_headers_say",
            the_examples_get_what_their_headers_say,
        ),
        (
            "a_submission_is_never_written_to",
            a_submission_is_never_written_to,
        ),
        ("feedback_reads_like_this", feedback_reads_like_this),
        (
            "feedback_can_be_brief_or_none",
            feedback_can_be_brief_or_none,
        ),
        (
            "a_port_that_somebody_had_for_a_moment_is_not_charged",
            a_port_that_somebody_had_for_a_moment_is_not_charged,
        ),
        (
            "repeated_checks_must_pass_each_time",
            repeated_checks_must_pass_each_time,
        ),
        #[cfg(target_os = "linux")]
        (
            "a_grader_in_the_background_sends_ctrl_c_all_the_same",
            a_grader_in_the_background_sends_ctrl_c_all_the_same,
        ),
    ]);
    let isolation = Isolation::probe();
    let shared_ports = (!isolation.separates_ports())
        .then_some("this system has no network namespaces for users")
        .or_else(crate::no_python);
    // It waits longest, so it begins first.
    let several = crate::unless(
        shared_ports,
        "several_can_use_the_same_fixed_port_at_once",
        several_can_use_the_same_fixed_port_at_once,
    );
    trials.insert(0, several);
    #[cfg(target_os = "linux")]
    {
        let no_namespaces = (isolation != Isolation::Namespaces)
            .then_some("this system has no namespaces for users")
            .or_else(crate::no_python);
        let too_long = (!crate::in_full())
            .then_some("SOCKET_LABS_ALL=1 runs it")
            .or_else(crate::no_python);
        let in_isolation: [(&'static str, fn()); 3] = [
            (
                "a_killed_grader_leaves_no_program_behind_in_isolation",
                a_killed_grader_leaves_no_program_behind_in_isolation,
            ),
            (
                "a_program_in_isolation_has_no_capability",
                a_program_in_isolation_has_no_capability,
            ),
            (
                "hostile_programs_harm_nobody_in_isolation",
                hostile_programs_harm_nobody_in_isolation,
            ),
        ];
        for (name, test) in in_isolation {
            trials.push(crate::unless(no_namespaces, name, test));
        }
        trials.push(crate::unless(
            too_long,
            "hostile_programs_harm_nobody_without_namespaces",
            hostile_programs_harm_nobody_without_namespaces,
        ));
        trials.push(crate::unless(
            too_long,
            "a_large_batch_killed_in_the_middle_ends_the_same",
            a_large_batch_killed_in_the_middle_ends_the_same,
        ));
    }
    trials
}

/// Two checks that say enough of a submission, quickly.
const ONLY: &str = "--only=tcp_server.listens,tcp_server.numbers_each_connection";

fn report(out: &Path) -> Report {
    let text = fs::read_to_string(out.join("report.json")).unwrap();
    Report::from_json(&text).unwrap()
}

fn grade(dir: &Path, out: &Path, args: &[&str]) -> Report {
    let output = lab()
        .arg("grade")
        .arg(dir)
        .arg("--out")
        .arg(out)
        .args(["--format", "json", "--seed", "7"])
        .args(args)
        .output()
        .unwrap();
    let on_stdout = Report::from_json(&stdout(&output)).unwrap_or_else(|error| {
        panic!("{error:#}\n{}\n{}", stdout(&output), stderr(&output))
    });
    let in_file = report(out);
    assert_eq!(on_stdout, in_file, "stdout and file differ");
    in_file
}

fn scores(report: &Report) -> BTreeMap<&str, u32> {
    let all = report.submissions.iter();
    all.map(|one| (one.name.as_str(), one.totals.score))
        .collect()
}

/// Good, wrong, not compiling and no submission at all.
fn mixed(dir: &Path) {
    python_submission(&dir.join("good"), |source| source);
    python_submission(&dir.join("off_by_one"), |source| {
        source.replace("number = 0", "number = -1")
    });
    python_submission(&dir.join("silent"), |source| {
        source.replace("client.sendall", "str")
    });
    python_submission(&dir.join("broken"), |source| source);
    let lab_toml = dir.join("broken/lab.toml");
    let words = fs::read_to_string(&lab_toml).unwrap();
    fs::write(lab_toml, format!("build = 'false'\n{words}")).unwrap();
    fs::create_dir_all(dir.join("empty")).unwrap();
}

/// A Rust program with an error, which takes longer to build than all the others.
fn broken_rust(dir: &Path) {
    let _ = fs::remove_dir_all(dir);
    let manifest = "[package]\nname = \"tcp_server\"\nedition = \"2024\"\n";
    fs::create_dir_all(dir.join("src")).unwrap();
    fs::write(dir.join("Cargo.toml"), manifest).unwrap();
    fs::write(dir.join("src/main.rs"), "fn main() { nothing() }\n").unwrap();
}

fn marks_and_exit_status_say_what_was_handed_in() {
    let dir = tempfile::tempdir().unwrap();
    let (all, out) = (dir.path().join("all"), dir.path().join("out"));
    mixed(&all);
    broken_rust(&all.join("broken"));
    let report = grade(&all, &out, &[ONLY]);
    let expected = [
        ("broken", 0),
        ("empty", 0),
        ("good", report.submissions[2].totals.max_score),
        ("off_by_one", 1),
        ("silent", 1),
    ];
    assert_eq!(scores(&report), BTreeMap::from(expected));
    let states: Vec<State> = report.submissions.iter().map(|one| one.state).collect();
    assert_eq!(states[1], State::NotGradable);
    assert_eq!(
        states
            .iter()
            .filter(|state| **state == State::Graded)
            .count(),
        4
    );
    let feedback = report.submissions[0].checks[0].feedback.clone().unwrap();
    assert!(
        feedback.contains("it compiles") && feedback.contains("cannot find function"),
        "{feedback}"
    );

    let all_graded = run(&["grade", all.join("good").to_str().unwrap(), ONLY]);
    assert_eq!(all_graded.status.code(), Some(0), "{}", stderr(&all_graded));
    let some_not = run(&["grade", all.to_str().unwrap(), ONLY]);
    assert_eq!(some_not.status.code(), Some(1));
    let usage = run(&["grade", all.to_str().unwrap(), "--shard", "3/2"]);
    assert_eq!(usage.status.code(), Some(2));
}

/// Below /tmp, say, of which the programs see none.
fn where_the_grader_stands_is_no_matter() {
    let dir = tempfile::tempdir().unwrap();
    python_submission(&dir.path().join("good"), |source| source);
    let mut grader = lab();
    grader.current_dir(dir.path()).args(["grade", "good", ONLY]);
    let output = grader.output().unwrap();
    let said = format!("{}{}", stdout(&output), stderr(&output));
    assert!(output.status.success(), "{said}");
    assert!(said.contains("100.0"), "{said}");
}

fn wrong_usage_ends_with_status_2() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name).display().to_string();
    let good = at("good");
    python_submission(Path::new(&good), |source| source);
    fs::create_dir_all(at("nothing")).unwrap();
    fs::write(at("work.zip"), "PK").unwrap();
    for (words, part) in [
        (vec!["grade", &at("nowhere")], "error: cannot find"),
        (vec!["grade", &at("work.zip")], "unpack it first"),
        (vec!["grade", &at("nothing")], "there is no submission"),
        (vec!["grade", &good, "--jobs", "0"], "--jobs"),
        (vec!["grade", &good, "--only", "zzz"], "`cargo lab` lists"),
        (
            vec!["grade", &good, "--only", "tcp_servr"],
            "did you mean tcp_server?",
        ),
        (
            vec!["grade", &good, "--only", "tcp_server.listen"],
            "did you mean tcp_server.listens?",
        ),
        (vec!["merge", &at("nowhere")], "error: cannot read"),
        (vec!["similarity", &at("nowhere")], "error: cannot find"),
    ] {
        let output = run(&words);
        assert_eq!(output.status.code(), Some(2), "{words:?}");
        assert!(stderr(&output).contains(part), "{}", stderr(&output));
        assert_eq!(stdout(&output), "", "{words:?}");
    }
}

/// What `labs/grading.md` and the programs say of themselves.
fn the_examples_get_what_their_headers_say() {
    let out = tempfile::tempdir().unwrap();
    let examples = tests_dir().join("examples");
    let report = grade(&examples, out.path(), &["--only=tcp_server"]);
    let [ada, bob, cleo, notes] = report.submissions.as_slice() else {
        panic!("{} examples", report.submissions.len())
    };
    let not_passed = |one: &SubmissionReport| -> Vec<(String, CheckStatus)> {
        let checks = one.checks.iter();
        let checks = checks.filter(|check| check.status != CheckStatus::Passed);
        checks
            .map(|check| (check.id.clone(), check.status))
            .collect()
    };
    assert_eq!(not_passed(ada), []);
    assert_eq!(ada.totals.score, ada.totals.max_score);
    let expected = [
        ("tcp_server.numbers_each_connection", CheckStatus::Failed),
        ("tcp_server.numbers_a_crowd", CheckStatus::Blocked),
        ("tcp_server.prints_what_happens", CheckStatus::Blocked),
        ("tcp_server.counts_every_connection", CheckStatus::Blocked),
    ];
    let expected = expected.map(|(id, status)| (id.to_owned(), status));
    assert_eq!(not_passed(bob), expected);
    assert_eq!((cleo.state, cleo.totals.score), (State::Graded, 0));
    assert_eq!(notes.state, State::NotGradable);
}

/// Also where the grader itself stands in the folder for temporary files, which is then
/// nothing that a stranger may write to.
fn a_build_has_room_for_temporary_files() {
    let dir = tempfile::tempdir().unwrap();
    let submission = dir.path().join("work");
    python_submission(&submission, |source| source);
    let words = "build = \"sh -c 'mktemp && mv server.py built.py'\"\n\
                 [programs]\ntcp_server = 'python3 built.py'\n";
    fs::write(submission.join("lab.toml"), words).unwrap();
    let grader = dir.path().join("lab");
    // Not copied by this process: what another test starts meanwhile would hold it open for
    // writing for a moment, and such a file cannot be run.
    let copied = Command::new("cp")
        .arg(lab().get_program())
        .arg(&grader)
        .status();
    assert!(copied.unwrap().success());
    let output = Command::new(grader)
        .args(["grade", "--single", "--only", "tcp_server.listens", "--out"])
        .args([dir.path().join("out"), submission])
        .current_dir(course())
        .output()
        .unwrap();
    let said = stdout(&output);
    assert!(said.contains("100.0"), "{said}{}", stderr(&output));
}

/// rustup looks for its toolchains at home, and a build has another home.
fn a_build_command_finds_the_rust_compiler() {
    const SERVER: &str = r#"fn main() {
        let args: Vec<String> = std::env::args().collect();
        let listener = std::net::TcpListener::bind(format!("{}:{}", args[1], args[2]));
        let listener = listener.expect("a free port");
        println!("TCP Server listening on {}", listener.local_addr().expect("an address"));
        listener.incoming().for_each(drop);
    }"#;
    let dir = tempfile::tempdir().unwrap();
    let submission = dir.path().join("all/ann");
    fs::create_dir_all(&submission).unwrap();
    fs::write(submission.join("server.rs"), SERVER).unwrap();
    let words = "build = 'rustc server.rs'\n\
                 [programs]\ntcp_server = './server {host} {port}'\n";
    fs::write(submission.join("lab.toml"), words).unwrap();
    let mut command = lab();
    // As in a terminal: `cargo test` itself tells its children where the toolchains are.
    if std::env::home_dir().is_some_and(|home| home.join(".rustup").is_dir()) {
        for name in ["RUSTUP_HOME", "RUSTUP_TOOLCHAIN", "CARGO_HOME"] {
            command.env_remove(name);
        }
    }
    let out = dir.path().join("out");
    command.args(["grade", "--only=tcp_server.listens", "--out"]);
    let output = command.arg(&out).arg(dir.path().join("all")).output();
    assert!(output.is_ok());
    let check = &report(&out).submissions[0].checks[0];
    assert_eq!(check.status, CheckStatus::Passed, "{:?}", check.feedback);
}

/// A wrong `lab.toml`, an archive, another name: each is answered with what is wrong.
fn odd_folders_are_answered_with_what_is_wrong() {
    let dir = tempfile::tempdir().unwrap();
    let (all, out) = (dir.path().join("all"), dir.path().join("out"));
    let lab_toml = |name: &str, text: &str| {
        python_submission(&all.join(name), |source| source);
        fs::write(all.join(name).join("lab.toml"), text).unwrap();
    };
    let command = "'python3 server.py'";
    lab_toml(
        "ä b",
        &format!("\u{feff}[programs]\r\ntcp_server = {command}\r\n"),
    );
    lab_toml(
        "built",
        "build = 'mv server.py built.py'\n[programs]\ntcp_server = 'python3 built.py'",
    );
    lab_toml(
        "build_fails",
        &format!("build = 'cat nothing.c'\n[programs]\ntcp_server = {command}"),
    );
    lab_toml("hyphen", &format!("[programs]\ntcp-server = {command}"));
    lab_toml("no_table", &format!("tcp_server = {command}"));
    lab_toml("slip", &format!("[programs]\ntcp_sever = {command}"));
    lab_toml("syntax", "\n[programs\n");
    lab_toml("no_command", "[programs]\ntcp_server = 'no_such_command'");
    lab_toml(
        "in_background",
        &format!("[programs]\ntcp_server = {command}"),
    );
    let source = fs::read_to_string(all.join("in_background/server.py")).unwrap();
    // A child's child: nobody's descendant any more when it listens.
    let fork = "import os, time\nif os.fork(): os.wait(); time.sleep(3); os._exit(0)\n\
                parent = os.getpid()\nif os.fork(): os._exit(0)\n\
                while os.getppid() == parent: time.sleep(0.01)\nos.setsid()\n";
    fs::write(
        all.join("in_background/server.py"),
        format!("{fork}{source}"),
    )
    .unwrap();
    fs::create_dir_all(all.join("packed")).unwrap();
    fs::write(all.join("packed/work.zip"), "PK").unwrap();
    fs::write(all.join("other.tar.gz"), "").unwrap();

    let report = grade(&all, &out, &["--only=tcp_server.listens"]);
    let said = |name: &str| {
        let one = report.submissions.iter().find(|one| one.name == name);
        let one = one.unwrap_or_else(|| panic!("no {name}"));
        match (&one.problem, &one.checks[0].feedback) {
            (Some(problem), _) => format!("problem: {problem}"),
            (None, Some(feedback)) => feedback.clone(),
            (None, None) => format!("{:?}", one.checks[0].status),
        }
    };
    for (name, part) in [
        ("ä b", "Passed"),
        ("built", "Passed"),
        ("build_fails", "the build command fails"),
        ("hyphen", "Passed"),
        ("no_table", "problem: lab.toml: it says \"tcp_server\""),
        ("slip", "tcp_sever is a slip for tcp_server"),
        ("syntax", "problem: lab.toml: line 2"),
        ("no_command", "likely:   its command is not found"),
        ("in_background", "likely:   it goes on in the background"),
        ("packed", "work.zip: unpack it"),
    ] {
        let said = said(name);
        assert!(said.contains(part), "{name}: {said}");
    }
    let archive = run(&["grade", all.join("other.tar.gz").to_str().unwrap()]);
    assert!(
        stderr(&archive).contains("unpack it"),
        "{}",
        stderr(&archive)
    );
}

fn the_same_seed_gives_the_same_report() {
    let dir = tempfile::tempdir().unwrap();
    let all = dir.path().join("all");
    mixed(&all);
    broken_rust(&all.join("broken"));
    let mut texts = Vec::new();
    for (out, jobs) in [("one", "1"), ("two", "6")] {
        let out = dir.path().join(out);
        grade(&all, &out, &[ONLY, "--jobs", jobs]);
        let text = fs::read_to_string(out.join("report.json")).unwrap();
        texts.push(without_times(&text));
    }
    assert_eq!(texts[0], texts[1]);
}

fn a_killed_run_leaves_a_valid_report_and_resumes_to_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let all = dir.path().join("all");
    mixed(&all);
    python_submission(&all.join("zz_slow"), |source| {
        source.replace(
            "listener.listen",
            "import time; time.sleep(1); listener.listen",
        )
    });
    let whole = grade(&all, &dir.path().join("whole"), &[ONLY, "--jobs", "1"]);

    let out = dir.path().join("killed");
    let mut killed_with_rest = 0;
    for _ in 0..4 {
        let mut child = lab()
            .arg("grade")
            .arg(&all)
            .args(["--seed", "7", "--jobs", "1", "--resume", ONLY, "--out"])
            .arg(&out)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_millis(700));
        let _ = child.kill(); // SIGKILL
        child.wait().unwrap();
        if out.join("report.json").exists() {
            let left = report(&out);
            killed_with_rest += u32::from(left.totals.not_run > 0);
            let checks = left.submissions.iter().flat_map(|one| &one.checks);
            assert_eq!(
                checks.filter(|c| c.status == CheckStatus::NotRun).count(),
                usize::try_from(left.totals.not_run).unwrap()
            );
        }
    }
    assert!(killed_with_rest > 0, "no run was killed in its middle");
    let resumed = grade(&all, &out, &[ONLY, "--resume"]);
    assert!(resumed.finished);
    let text =
        |report: &Report| without_times(&serde_json::to_string_pretty(report).unwrap());
    assert_eq!(text(&resumed), text(&whole));
}

#[cfg(target_os = "linux")]
fn a_killed_grader_leaves_no_program_behind() {
    killed_grader_leaves_nothing(&["--no-isolation"]);
}

/// There the kernel sees to it: with the first process of a table all others end.
#[cfg(target_os = "linux")]
fn a_killed_grader_leaves_no_program_behind_in_isolation() {
    killed_grader_leaves_nothing(&[]);
}

#[cfg(target_os = "linux")]
fn killed_grader_leaves_nothing(args: &[&str]) {
    let dir = tempfile::tempdir().unwrap();
    let submission = dir.path().join("handed_in");
    python_submission(&submission, |source| source);
    // Within a process table of its own the program has another id than here, where its
    // last argument tells it from all others.
    let mark = dir.path().join("mark").display().to_string();
    let lab_toml = submission.join("lab.toml");
    let words = fs::read_to_string(&lab_toml).unwrap();
    fs::write(lab_toml, words.replace(".py\"", &format!(".py {mark}\""))).unwrap();
    let programs = || -> Vec<String> {
        let all = fs::read_dir("/proc").unwrap().flatten();
        let lines = all.map(|entry| {
            let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
            String::from_utf8_lossy(&line).replace('\0', " ")
        });
        lines.filter(|line| line.contains(&mark)).collect()
    };
    let mut child = lab()
        .args(["grade", "--out"])
        .arg(dir.path().join("out"))
        .args(args)
        .arg(&submission)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let give_up = Instant::now() + Duration::from_secs(60);
    let python = grading::harness::python().unwrap();
    let runs = || programs().iter().any(|line| line.starts_with(python));
    while !runs() && Instant::now() < give_up {
        std::thread::sleep(Duration::from_millis(1));
    }
    assert!(runs(), "no program was started");
    child.kill().unwrap(); // SIGKILL
    child.wait().unwrap();
    // Before the lane would have ended by itself, with its check.
    let give_up = Instant::now() + Duration::from_secs(5);
    while !programs().is_empty() && Instant::now() < give_up {
        std::thread::sleep(Duration::from_millis(10));
    }
    assert_eq!(programs(), [""; 0]);
}

/// Neither a program nor the lane that has started it: root within its namespaces, it
/// could undo with any one of them what keeps it in.
#[cfg(target_os = "linux")]
fn a_program_in_isolation_has_no_capability() {
    let dir = tempfile::tempdir().unwrap();
    let submission = dir.path().join("handed_in");
    python_submission(&submission, |_| {
        r#"
import os
import sys
for name, process in ("program", "self"), ("lane", os.getppid()):
    with open(f"/proc/{process}/status") as status:
        sets = [int(line.split()[1], 16) for line in status if line.startswith("Cap")]
    print(name, *sets, file=sys.stderr)
raise SystemExit(3)
"#
        .to_owned()
    });
    let only = "--only=tcp_server.listens";
    let report = grade(&submission, &dir.path().join("out"), &[only]);
    assert_eq!(report.isolation, Isolation::Namespaces);
    let feedback = report.submissions[0].checks[0].feedback.as_deref().unwrap();
    // Inheritable, permitted, effective, bounding, ambient.
    for sets in ["program 0 0 0 0 0\n", "lane 0 0 0 0 0\n"] {
        assert!(feedback.contains(sets), "no {sets:?} in\n{feedback}");
    }
}

/// `cargo test` and `cargo lab check` where there are no lanes to clean up.
#[cfg(target_os = "linux")]
fn a_program_ends_with_who_has_started_it() {
    let start = || {
        let exam = Exam::reference("tcp_server").unwrap();
        let server = exam
            .server()
            .unwrap_or_else(|_| panic!("it does not listen"));
        let pid = server.pid();
        std::mem::forget(server); // Who is killed ends nothing.
        pid
    };
    let pid = std::thread::spawn(start).join().unwrap();
    let has_ended = || {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat"));
        stat.map_or(true, |stat| stat.contains(") Z "))
    };
    let give_up = Instant::now() + Duration::from_secs(10);
    while !has_ended() && Instant::now() < give_up {
        std::thread::sleep(Duration::from_millis(10));
    }
    assert!(has_ended(), "process {pid} runs on");
}

/// Held by a test whose programs take on the whole machine: two at once would take the
/// time that the other one measures.
#[cfg(target_os = "linux")]
static WHOLE_MACHINE: Mutex<()> = Mutex::new(());

/// A course's worth of submissions: good, wrong, hostile, not compiling. The grader is
/// killed in the middle of them and started again.
///
/// `SOCKET_LABS_ALL=1` runs it, with 20 submissions or as many as `SOCKET_LABS_SUBMISSIONS`
/// says, and prints how long each run took.
#[cfg(target_os = "linux")]
fn a_large_batch_killed_in_the_middle_ends_the_same() {
    let _alone = WHOLE_MACHINE.lock().unwrap_or_else(PoisonError::into_inner);
    let number = std::env::var("SOCKET_LABS_SUBMISSIONS").ok();
    let number: usize = number.and_then(|n| n.parse().ok()).unwrap_or(20);
    let dir = tempfile::tempdir().unwrap();
    let all = dir.path().join("all");
    let mut hostile: Vec<String> = fs::read_dir(tests_dir().join("hostile"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    hostile.sort();
    let mut hostile = hostile.iter().cycle();
    for n in 0..number {
        let to = all.join(format!("student{n:03}"));
        match n % 10 {
            0..5 => python_submission(&to, |source| format!("{source}# {n}\n")),
            5 => python_submission(&to, |source| {
                source.replace("number = 0", "number = 1")
            }),
            6 => python_submission(&to, |source| source.replace("client.sendall", "str")),
            7 | 8 => copy_hostile(hostile.next().unwrap(), &to),
            _ => broken_rust(&to),
        }
    }
    let args = ["--only=tcp_server", "--build-limit", "30"];
    let start = Instant::now();
    let whole = grade(&all, &dir.path().join("whole"), &args);
    println!("{number} submissions in {} s", start.elapsed().as_secs());

    let out = dir.path().join("killed");
    let mut child = lab()
        .arg("grade")
        .arg(&all)
        .args(["--seed", "7", "--format", "json", "--out"])
        .arg(&out)
        .args(args)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let give_up = Instant::now() + start.elapsed() * 2;
    while Instant::now() < give_up && child.try_wait().unwrap().is_none() {
        std::thread::sleep(Duration::from_millis(200));
        let graded = fs::read_dir(out.join("submissions")).into_iter().flatten();
        let text =
            |entry: fs::DirEntry| fs::read_to_string(entry.path()).unwrap_or_default();
        let done = graded.flatten().map(text);
        if done.filter(|text| text.contains("\"graded\"")).count() >= number / 2 {
            break;
        }
    }
    child.kill().unwrap(); // SIGKILL
    child.wait().unwrap();
    let left = report(&out);
    assert!(left.totals.not_run > 0, "it was killed too late");
    let start = Instant::now();
    let resumed = grade(&all, &out, &[&args[..], &["--resume"]].concat());
    println!("the rest of them in {} s", start.elapsed().as_secs());
    let marks = |report: &Report| -> Vec<(String, String, CheckStatus)> {
        let all = report.submissions.iter();
        all.flat_map(|one| {
            let checks = one.checks.iter();
            checks.map(|check| (one.name.clone(), check.id.clone(), check.status))
        })
        .collect()
    };
    assert_eq!(marks(&resumed), marks(&whole));
}

fn shards_merge_to_the_whole() {
    let dir = tempfile::tempdir().unwrap();
    let all = dir.path().join("all");
    mixed(&all);
    let whole = grade(&all, &dir.path().join("whole"), &[ONLY]);
    let mut words = vec!["merge".to_owned()];
    for shard in ["1/3", "2/3", "3/3"] {
        let out = dir.path().join(shard.replace('/', "_"));
        grade(&all, &out, &[ONLY, "--shard", shard]);
        words.push(out.display().to_string());
    }
    words.extend(["--format".to_owned(), "json".to_owned()]);
    let merged = run(&words);
    assert_eq!(
        merged.status.code(),
        Some(1),
        "one submission is not gradable"
    );
    let whole = serde_json::to_string_pretty(&whole).unwrap() + "\n";
    assert_eq!(without_times(&stdout(&merged)), without_times(&whole));
}

fn a_merge_says_which_shards_are_missing() {
    let dir = tempfile::tempdir().unwrap();
    let all = dir.path().join("all");
    for name in ["ada", "bob", "cleo"] {
        python_submission(&all.join(name), |source| source);
    }
    let at = |name: &str| dir.path().join(name).display().to_string();
    for part in ["1", "2", "3"] {
        let shard = format!("{part}/3");
        let args = ["--only=tcp_server.listens", "--shard", &shard];
        grade(&all, Path::new(&at(part)), &args);
    }
    let merged = |parts: &[&str]| {
        let parts: Vec<String> = parts.iter().map(|part| at(part)).collect();
        let mut words = vec!["merge".to_owned()];
        words.extend(parts);
        words.extend(["--format=csv", "--out"].map(str::to_owned));
        words.push(at("merged"));
        run(&words)
    };
    let complete = merged(&["3", "1", "2"]);
    assert_eq!(complete.status.code(), Some(0), "{}", stderr(&complete));
    assert_eq!(stderr(&complete), "");

    let two = merged(&["1", "2"]);
    assert_eq!(two.status.code(), Some(3));
    let said = stderr(&two);
    assert!(said.contains("there is no report of shard 3/3"), "{said}");
    assert_eq!(stdout(&two).lines().count(), 3, "{}", stdout(&two));
    assert!(!report(Path::new(&at("merged"))).finished);
    // What was merged can be merged on.
    fs::rename(at("merged"), at("two")).unwrap();
    let rest = merged(&["two", "3"]);
    assert_eq!(rest.status.code(), Some(0), "{}", stderr(&rest));
    assert_eq!(stdout(&rest), stdout(&complete));
}

fn reports_of_different_runs_are_not_merged() {
    let dir = tempfile::tempdir().unwrap();
    let all = dir.path().join("all");
    for name in ["ada", "bob"] {
        python_submission(&all.join(name), |source| source);
    }
    let at = |name: &str| dir.path().join(name).display().to_string();
    let parts = [
        ("1", "1/2", "tcp_server.listens"),
        ("2", "2/2", "tcp_server.numbers_a_crowd"),
    ];
    for (out, shard, only) in parts {
        let args = ["--only", only, "--shard", shard];
        grade(&all, Path::new(&at(out)), &args);
    }
    let merged = run(&["merge", &at("1"), &at("2")]);
    assert_eq!(merged.status.code(), Some(2));
    let said = stderr(&merged);
    assert!(said.contains("checks: tcp_server.listens there"), "{said}");
}

fn a_resume_over_another_run_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (all, out) = (dir.path().join("all"), dir.path().join("out"));
    for name in ["ada", "bob"] {
        python_submission(&all.join(name), |source| source);
    }
    let listens = "--only=tcp_server.listens";
    grade(&all, &out, &[listens]);
    let file = out.join("report.json");
    let before = fs::read_to_string(&file).unwrap();
    let refused = |dir: &Path, args: &[&str], part: &str| {
        let mut command = lab();
        command.arg("grade").arg(dir).arg("--out").arg(&out);
        let output = command.arg("--resume").args(args).output().unwrap();
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {said}");
        assert!(said.contains(part), "{args:?}: {said}");
        assert!(said.contains("give a new --out"), "{said}");
        assert_eq!(fs::read_to_string(&file).unwrap(), before, "{args:?}");
    };
    refused(&all, &[listens, "--seed", "8"], "seed: 7 there, 8 here");
    refused(&all, &[listens, "--repeat", "2"], "repeat: 1 there, 2 here");
    refused(&all, &[listens, "--feedback", "none"], "feedback: full");
    refused(&all, &[listens, "--shard", "1/2"], "shard: 1/1 there, 1/2");
    refused(&all, &[ONLY], "checks: no other there, tcp_server.numbers");
    refused(&all.join("ada"), &[listens], "submissions: bob there");
    // The same run goes on, with a submission that came later, too.
    python_submission(&all.join("cleo"), |source| source);
    let resumed = grade(&all, &out, &[listens, "--resume"]);
    assert_eq!(resumed.submissions.len(), 3);

    // What another version of the course has graded is not taken over.
    let before = fs::read_to_string(&file).unwrap();
    let version = resumed.course.as_str();
    assert_eq!(version.len(), 16);
    fs::write(&file, before.replace(version, "0000000000000000")).unwrap();
    let words = ["grade", all.to_str().unwrap(), listens, "--resume", "--out"];
    let words = words.iter().copied().chain([out.to_str().unwrap()]);
    let output = run(&words.collect::<Vec<_>>());
    assert_eq!(output.status.code(), Some(2));
    let said = stderr(&output);
    assert!(
        said.contains("version of the course: 0000000000000000"),
        "{said}"
    );
}

fn a_submission_is_never_written_to() {
    let dir = tempfile::tempdir().unwrap();
    let one = dir.path().join("one");
    python_submission(&one, |source| {
        format!(
            "open('written.txt', 'w').write('x')\nimport os\nos.remove('lab.toml')\n{source}"
        )
    });
    fs::create_dir_all(one.join("src")).unwrap();
    fs::write(
        one.join("Cargo.toml"),
        "[package]\nname = \"x\"\n[workspace]\n",
    )
    .unwrap();
    fs::write(one.join("src/main.rs"), "fn main() {}\n").unwrap();
    let list = |dir: &Path| -> BTreeMap<String, Vec<u8>> {
        let mut found = BTreeMap::new();
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            let content = fs::read(&path).unwrap_or_default();
            found.insert(path.display().to_string(), content);
        }
        found
    };
    let before = (list(&one), list(&one.join("src")));
    let report = grade(&one, &dir.path().join("out"), &[ONLY]);
    assert_eq!(report.totals.score, report.totals.max_score);
    assert_eq!((list(&one), list(&one.join("src"))), before);
}

fn several_can_use_the_same_fixed_port_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let all = dir.path().join("all");
    for number in 0..2 {
        python_submission(&all.join(format!("fixed{number}")), |source| {
            source.replace("int(os.environ[\"PORT\"])", "65432")
        });
    }
    let report = grade(&all, &dir.path().join("out"), &[ONLY, "--jobs", "12"]);
    for one in &report.submissions {
        let failure = one.checks[0].failure.as_ref().unwrap();
        let cause = failure.cause.as_deref().unwrap_or_default();
        assert_eq!(cause, "the port is fixed in the program", "{failure:?}");
    }
}

/// What students read, letter by letter, with the times masked.
fn feedback_reads_like_this() {
    let dir = tempfile::tempdir().unwrap();
    let one = dir.path().join("one");
    let feedback = |change: &dyn Fn(String) -> String, index: usize, out: &str| {
        python_submission(&one, change);
        let report = grade(&one, &dir.path().join(out), &[ONLY]);
        let text = report.submissions[0].checks[index]
            .feedback
            .clone()
            .unwrap();
        let text = text.split_once("sheet: ").unwrap().0.to_owned();
        let times = regex::Regex::new(r"(?m)^ *\d+ ms ").unwrap();
        let words = regex::Regex::new(r"> \w{8}\n").unwrap();
        let text = times.replace_all(&text, "[ms] ").into_owned();
        words.replace_all(&text, "> [8 letters]\n").into_owned()
    };
    let off_by_one = |source: String| source.replace("number = 0", "number = 1");
    snapbox::assert_data_eq!(
        feedback(&off_by_one, 1, "a"),
        snapbox::str![[r#"
tcp_server numbers each connection, starting at 1

[ms]   started tcp_server
[ms]   it listens
[ms]   connected
[ms] > [8 letters]
[ms] < Hello! You are connection #2
[ms]   closed by it

expected: Hello! You are connection #»1
got:      Hello! You are connection #»2

"#]]
    );
    let crash = |_: String| "raise SystemExit('no idea')\n".to_owned();
    snapbox::assert_data_eq!(
        feedback(&crash, 0, "b"),
        snapbox::str![[r#"
tcp_server listens on the host and port that it is given

[ms]   started tcp_server
[ms]   tcp_server ended: exit status 1
[ms]   stderr: no idea

expected: it listens on 127.0.0.1:PORT
got:      it ended before that: exit status 1
likely:   its last words: no idea

"#]]
    );
}

fn feedback_can_be_brief_or_none() {
    let dir = tempfile::tempdir().unwrap();
    let one = dir.path().join("one");
    python_submission(&one, |source| source.replace("number = 0", "number = 7"));
    let of = |level: &str| {
        let out = dir.path().join(level);
        grade(&one, &out, &[ONLY, "--feedback", level]);
        fs::read_to_string(out.join("report.json")).unwrap()
    };
    assert!(of("full").contains("it listens") && of("full").contains("connection #»1"));
    assert!(
        !of("brief").contains("it listens") && of("brief").contains("connection #»1")
    );
    let none = of("none");
    for part in ["connection #»1", "\"sheet\"", "\"by_hand\""] {
        assert!(!none.contains(part), "{part}");
    }
}

fn what_does_not_compile_is_told_in_the_students_terms() {
    let dir = tempfile::tempdir().unwrap();
    let all = dir.path().join("all");
    let package = |name: &str, manifest: &str| {
        let folder = all.join(name);
        fs::create_dir_all(folder.join("src")).unwrap();
        fs::write(folder.join("Cargo.toml"), manifest).unwrap();
        fs::write(folder.join("src/main.rs"), "fn main() {}\n").unwrap();
    };
    let head = "[package]\nname = \"tcp_server\"\nedition = \"2024\"\n";
    package("manifest", "[package\n");
    package(
        "elsewhere",
        &format!("{head}[dependencies]\nx.path = \"../x\"\n"),
    );
    let missing = "[dependencies]\nno_such_crate_of_the_course = \"1\"\n";
    package("missing", &format!("{head}{missing}"));
    let listens = "--only=tcp_server.listens";
    // So that nobody asks the network for the crate.
    let output = lab()
        .args(["grade", "--format=json", "--seed=7", listens])
        .arg(&all)
        .env("CARGO_NET_OFFLINE", "true")
        .output()
        .unwrap();
    let report = Report::from_json(&stdout(&output)).unwrap();
    for one in &report.submissions {
        let check = &one.checks[0];
        let said = check.feedback.as_deref().unwrap();
        assert!(said.contains("expected: it compiles"), "{said}");
        assert!(
            said.contains("by hand:  cargo build -p tcp_server"),
            "{said}"
        );
        let copies = course().join("target/grade");
        assert!(!said.contains(copies.to_str().unwrap()), "{said}");
        assert!(!said.contains("--offline"), "{said}");
    }
    let said = report.submissions[2].checks[0].feedback.as_deref().unwrap();
    assert!(said.contains("builds have no network"), "{said}");
    assert!(said.contains("anyhow, "), "{said}");
}

fn control_characters_and_formulas_in_names_are_harmless() {
    // Windows has no such names.
    if cfg!(windows) {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let all = dir.path().join("all");
    for name in ["-dash", "a\u{1b}[2J\nb"] {
        python_submission(&all.join(name), |source| source);
    }
    let words = |command: &str, rest: &[&str]| {
        let all = all.to_str().unwrap();
        run(&[&[command, all], rest].concat())
    };
    let listens = "--only=tcp_server.listens";
    let csv = stdout(&words("grade", &[listens, "--format", "csv"]));
    let names: Vec<&str> = csv.lines().skip(1).collect();
    assert!(names[0].starts_with("'-dash,"), "{csv:?}");
    assert!(names[1].starts_with("a\\x1b[2J b,"), "{csv:?}");
    let csv = stdout(&words("similarity", &["--csv"]));
    assert!(csv.contains("\n'-dash,a\\x1b[2J b,100.0,"), "{csv:?}");
    let table = stdout(&words("similarity", &[]));
    assert!(table.contains(" runs  -dash  a\\x1b[2J b\n"), "{table:?}");
}

fn similarity_of_one_asks_for_another() {
    let dir = tempfile::tempdir().unwrap();
    python_submission(&dir.path().join("ada"), |source| source);
    let output = run(&["similarity", dir.path().to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(2));
    let said = stderr(&output);
    assert!(said.contains("two submissions are needed"), "{said}");
}

fn an_empty_submission_has_a_test_that_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let words = ["grade", "--single", "--format=gradescope"];
    let output = lab().args(words).arg(dir.path()).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let results: serde_json::Value = serde_json::from_str(&stdout(&output)).unwrap();
    let said = results["tests"][0]["output"].as_str().unwrap();
    assert!(said.contains("it is empty"), "{said}");
    assert_eq!(results["tests"][0]["status"], "failed");
}

#[cfg(unix)]
fn links_that_lead_out_are_not_followed() {
    use std::os::unix::fs::symlink;

    let dir = tempfile::tempdir().unwrap();
    let (all, elsewhere) = (dir.path().join("all"), dir.path().join("elsewhere"));
    python_submission(&elsewhere, |source| source);
    python_submission(&all.join("manifest"), |source| source);
    let lab_toml = all.join("manifest/lab.toml");
    fs::rename(&lab_toml, dir.path().join("lab.toml")).unwrap();
    symlink(dir.path().join("lab.toml"), &lab_toml).unwrap();
    python_submission(&all.join("nowhere"), |source| source);
    fs::remove_file(all.join("nowhere/lab.toml")).unwrap();
    symlink("/no/such/file", all.join("nowhere/lab.toml")).unwrap();
    symlink(&elsewhere, all.join("whole")).unwrap();
    // A link that stays inside is followed.
    python_submission(&all.join("within"), |source| source);
    fs::rename(all.join("within/lab.toml"), all.join("within/x.toml")).unwrap();
    symlink("x.toml", all.join("within/lab.toml")).unwrap();

    let report = grade(
        &all,
        &dir.path().join("out"),
        &["--only=tcp_server.listens"],
    );
    let said = |index: usize| {
        let one = &report.submissions[index];
        (one.state, one.problem.clone().unwrap_or_default())
    };
    for index in 0..3 {
        let (state, problem) = said(index);
        assert_eq!(state, State::NotGradable, "{problem}");
        assert!(problem.contains("not followed"), "{problem}");
    }
    assert_eq!(said(3), (State::Graded, String::new()));
}

/// As `nohup cargo lab grade … &` in a script starts it.
#[cfg(target_os = "linux")]
fn a_grader_in_the_background_sends_ctrl_c_all_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let one = dir.path().join("one");
    fs::create_dir_all(&one).unwrap();
    // No handler of its own: Python makes an exception of Ctrl-C, unless it is ignored.
    let server = "import socket, sys\n\
        listener = socket.create_server((sys.argv[1], int(sys.argv[2])))\n\
        try:\n    while True:\n        stream, _ = listener.accept()\n\
        \x20       stream.sendall(stream.recv(1024))\n\
        except KeyboardInterrupt:\n    print('Server shutting down')\n";
    fs::write(one.join("server.py"), server).unwrap();
    let python = grading::harness::python().unwrap();
    let command = format!("{python} server.py {{host}} {{port}}");
    let programs = format!("[programs]\necho_server = \"{command}\"\n");
    fs::write(one.join("lab.toml"), programs).unwrap();
    let grader = lab();
    let mut shell = Command::new("sh");
    shell.args(["-c", "trap '' INT; exec \"$@\"", "sh"]);
    shell.arg(grader.get_program()).current_dir(course());
    shell.args([
        "grade",
        "--single",
        "--only",
        "echo_server.shuts_down_on_ctrl_c",
    ]);
    let output = shell.arg(&one).output().unwrap();
    let said = format!("{}{}", stdout(&output), stderr(&output));
    assert!(output.status.success(), "{said}");
    assert!(said.contains("100.0"), "{said}");
}

fn a_port_that_somebody_had_for_a_moment_is_not_charged() {
    let dir = tempfile::tempdir().unwrap();
    let in_use = "raise SystemExit('[Errno 98] Address already in use')";
    // All starts of one check have one working directory.
    let at_first = format!(
        "\nif not os.path.exists('begun'):\n    open('begun', 'w').close(); {in_use}\n"
    );
    let (unlucky, wrong) = (dir.path().join("unlucky"), dir.path().join("wrong"));
    python_submission(&unlucky, |source| {
        source.replace("\nfamily =", &format!("{at_first}family ="))
    });
    python_submission(&wrong, |source| {
        source.replace("\nfamily =", &format!("\n{in_use}\nfamily ="))
    });
    let report = grade(&unlucky, &dir.path().join("out"), &[ONLY]);
    assert_eq!(report.totals.score, report.totals.max_score);
    // Who says so each time has itself to blame.
    let report = grade(&wrong, &dir.path().join("out2"), &[ONLY]);
    let check = &report.submissions[0].checks[0];
    assert_eq!(check.status, CheckStatus::Failed, "{check:?}");
}

fn repeated_checks_must_pass_each_time() {
    let dir = tempfile::tempdir().unwrap();
    let one = dir.path().join("one");
    // Each turn has inputs of its own, so what depends on them shows itself.
    python_submission(&one, |source| {
        source.replace("if message:", "if message and sum(message) % 2:")
    });
    let report = grade(&one, &dir.path().join("out"), &[ONLY, "--repeat", "4"]);
    assert_eq!(report.repeat, 4);
    let check = &report.submissions[0].checks[1];
    assert_eq!(check.status, CheckStatus::Failed, "{check:?}");
    let good = dir.path().join("good");
    python_submission(&good, |source| source);
    let report = grade(&good, &dir.path().join("out2"), &[ONLY, "--repeat", "2"]);
    assert_eq!(report.totals.score, report.totals.max_score);
}

#[cfg(target_os = "linux")]
fn copy_hostile(name: &str, to: &Path) {
    for part in ["", "src"] {
        let from = tests_dir().join("hostile").join(name).join(part);
        let Ok(files) = fs::read_dir(from) else {
            continue;
        };
        fs::create_dir_all(to.join(part)).unwrap();
        for file in files.flatten().filter(|file| file.path().is_file()) {
            fs::copy(file.path(), to.join(part).join(file.file_name())).unwrap();
        }
    }
}

/// Grades all hostile programs between two good ones and looks at what they leave.
///
/// Without `SOCKET_LABS_ALL`, a few of them.
#[cfg(target_os = "linux")]
fn hostile(isolation: Isolation, args: &[&str], leave_out: &[&str]) {
    let _alone = WHOLE_MACHINE.lock().unwrap_or_else(PoisonError::into_inner);
    const A_FEW: [&str; 4] = [
        "does_not_compile",
        "endless_output",
        "ignores_signals",
        "leaves_children",
    ];
    let dir = tempfile::tempdir().unwrap();
    let all = dir.path().join("all");
    python_submission(&all.join("a_good"), |source| source);
    python_submission(&all.join("z_good"), |source| source);
    let mut copied = 0;
    for entry in fs::read_dir(tests_dir().join("hostile")).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        let is_left_out = match crate::in_full() {
            true => leave_out.contains(&name.as_str()),
            false => !A_FEW.contains(&name.as_str()),
        };
        if is_left_out {
            continue;
        }
        copied += 1;
        copy_hostile(&name, &all.join(&name));
    }
    assert!(copied >= A_FEW.len(), "{copied} hostile programs");
    let before = sleepers();
    let start = Instant::now();
    let limit = ["--build-limit", "20"];
    let report = grade(
        &all,
        &dir.path().join("out"),
        &[&[ONLY][..], &limit, args].concat(),
    );
    assert_eq!(report.isolation, isolation);
    for one in &report.submissions {
        let why = one.why_not_gradable();
        assert_eq!(one.state, State::Graded, "{}: {why:?}", one.name);
        for check in &one.checks {
            let deadline = 30_000 + 3_000;
            let (name, id) = (&one.name, &check.id);
            assert!(check.millis < deadline, "{name}, {id}: {} ms", check.millis);
        }
    }
    let all_points = report.submissions[0].totals.max_score;
    let scores = scores(&report);
    for (name, score) in &scores {
        let expected = match *name {
            "a_good" | "z_good" | "ignores_signals" | "leaves_children"
            | "endless_output" | "deletes_its_folder" | "prints_escapes"
            | "fills_the_disk" | "digs_deep" | "hogs_ports" | "shouts"
            | "closes_its_streams" | "writes_everywhere" | "builds_mischief" => {
                all_points
            }
            "never_reads" | "replies_escapes" | "hogs_descriptors" | "stops_itself"
            | "prints_results" => 1,
            _ => 0,
        };
        assert_eq!(*score, expected, "{name}");
    }
    let home = std::env::var_os("HOME").unwrap_or_default();
    let course = crate::support::course();
    let places = [
        dir.path(),
        Path::new(&home),
        Path::new("/usr"),
        &all,
        &course,
    ];
    for place in places.iter().flat_map(|place| place.ancestors()) {
        let left = place.join("socket_labs_was_here");
        assert!(!left.exists(), "{} was written", left.display());
    }
    // What carries no mark and has fled its group and session is gone all the same.
    let give_up = Instant::now() + Duration::from_secs(3);
    while sleepers() > before && Instant::now() < give_up {
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(sleepers() <= before, "processes are left");
    eprintln!(
        "{copied} hostile programs in {:.1} s",
        start.elapsed().as_secs_f32()
    );
}

/// How many processes of `leaves_children` there are.
#[cfg(target_os = "linux")]
fn sleepers() -> usize {
    let mut count = 0;
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        count += usize::from(line == b"sleep\x0098765\0");
    }
    count
}

#[cfg(target_os = "linux")]
fn hostile_programs_harm_nobody_in_isolation() {
    hostile(Isolation::Namespaces, &[], &[]);
}

#[cfg(target_os = "linux")]
fn hostile_programs_harm_nobody_without_namespaces() {
    // Those that take on the whole machine are for namespaces only.
    let leave_out = [
        "kills_everybody",
        "forges_marks",
        "forks_for_ever",
        "fills_the_disk",
        "builds_for_ever",
        "builds_mischief",
        "digs_deep",
        "hogs_ports",
        "stops_its_checker",
        "writes_everywhere",
    ];
    hostile(
        Isolation::ProcessGroups,
        &["--no-isolation", "--jobs", "2"],
        &leave_out,
    );
}
