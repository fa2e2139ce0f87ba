//! `cargo lab` as a student uses it, in a `work/` of the test's own.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test may assume what it has set up itself"
)]

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use crate::support::{course, lab, python_submission, stderr, stdout};
use grading::harness::forget_package;
use grading::student::Course;
use libtest_mimic::Trial;

/// The tests of this file.
pub fn trials() -> Vec<Trial> {
    let mut trials = crate::all(&[
        (
            "the_bare_command_lists_steps_and_says_what_to_do_next",
            the_bare_command_lists_steps_and_says_what_to_do_next,
        ),
        (
            "a_starter_is_begun_kept_and_begun_again",
            a_starter_is_begun_kept_and_begun_again,
        ),
        (
            "wrong_names_are_answered_with_right_ones",
            wrong_names_are_answered_with_right_ones,
        ),
        (
            "doctor_looks_at_all_and_names_fixes",
            doctor_looks_at_all_and_names_fixes,
        ),
        (
            "doctor_warns_of_an_editor_that_is_not_there_and_of_a_work_that_is_a_file",
            doctor_warns_of_an_editor_that_is_not_there_and_of_a_work_that_is_a_file,
        ),
        (
            "a_step_is_begun_again_in_the_language_of_the_old_program_or_the_one_named",
            a_step_is_begun_again_in_the_language_of_the_old_program_or_the_one_named,
        ),
        (
            "run_names_an_interpreter_that_is_missing",
            run_names_an_interpreter_that_is_missing,
        ),
        (
            "hints_name_the_step_and_refuse_a_level_that_is_not_there",
            hints_name_the_step_and_refuse_a_level_that_is_not_there,
        ),
        (
            "a_spoilt_note_of_the_progress_is_kept",
            a_spoilt_note_of_the_progress_is_kept,
        ),
        (
            "output_that_nobody_reads_ends_it_with_one_line_and_status_1",
            output_that_nobody_reads_ends_it_with_one_line_and_status_1,
        ),
    ]);
    trials.extend(crate::all_with_python(&[
        (
            "a_python_program_is_begun_checked_hinted_at_and_passed",
            a_python_program_is_begun_checked_hinted_at_and_passed,
        ),
        (
            "progress_survives_a_kill_and_a_spoilt_file",
            progress_survives_a_kill_and_a_spoilt_file,
        ),
        (
            "progress_is_not_trusted_for_marks",
            progress_is_not_trusted_for_marks,
        ),
        (
            "run_fills_in_host_port_and_arguments_as_a_check_does",
            run_fills_in_host_port_and_arguments_as_a_check_does,
        ),
        (
            "what_to_do_next_is_the_same_after_a_pass_and_in_the_list",
            what_to_do_next_is_the_same_after_a_pass_and_in_the_list,
        ),
        (
            "the_verdict_is_shown_also_when_the_progress_cannot_be_kept",
            the_verdict_is_shown_also_when_the_progress_cannot_be_kept,
        ),
        (
            "a_hint_begins_with_the_likely_cause",
            a_hint_begins_with_the_likely_cause,
        ),
        (
            "cargo_lab_is_known_within_work",
            cargo_lab_is_known_within_work,
        ),
        (
            "one_check_alone_leaves_the_progress_as_it_is",
            one_check_alone_leaves_the_progress_as_it_is,
        ),
        (
            "watch_checks_again_on_save_and_takes_keys_from_a_pipe",
            watch_checks_again_on_save_and_takes_keys_from_a_pipe,
        ),
        (
            "gradescope_s_script_writes_its_results",
            gradescope_s_script_writes_its_results,
        ),
    ]));
    trials
}

fn in_work(work: &Path) -> Command {
    let mut command = lab();
    command.env("LAB_WORK", work);
    command
}

fn run(work: &Path, args: &[&str]) -> Output {
    in_work(work).args(args).output().unwrap()
}

/// The first step that has a starter.
fn step_with_starter() -> Option<String> {
    let course = Course::read().unwrap();
    let mut steps = course.steps();
    let step = steps.find(|step| step.starter.is_some());
    step.map(|step| step.name.clone())
}

fn assert_plain(output: &Output) {
    let text = stdout(output);
    assert!(
        !text.contains('\u{1b}'),
        "colours or links in a pipe: {text:?}"
    );
}

fn the_bare_command_lists_steps_and_says_what_to_do_next() {
    let work = tempfile::tempdir().unwrap();
    let output = run(work.path(), &[]);
    assert!(output.status.success(), "{}", stderr(&output));
    assert_plain(&output);
    let text = stdout(&output);
    assert!(
        text.contains("tcp_server") && text.contains("not begun"),
        "{text}"
    );
    assert!(
        text.contains("labs/04_tcp.md") && text.contains(" points"),
        "{text}"
    );
    assert!(
        text.trim_end()
            .lines()
            .last()
            .unwrap()
            .starts_with("next: cargo lab start")
    );
    assert!(
        fs::read_dir(work.path()).unwrap().next().is_none(),
        "it wrote something"
    );
}

fn a_starter_is_begun_kept_and_begun_again() {
    let Some(step) = step_with_starter() else {
        panic!("no step has a starter")
    };
    let work = tempfile::tempdir().unwrap();
    let output = run(work.path(), &["start", &step]);
    assert!(output.status.success(), "{}", stderr(&output));
    let folder = work.path().join(&step);
    for file in ["Cargo.toml", "src/main.rs", "Cargo.lock"] {
        assert!(folder.join(file).exists(), "{file}");
    }
    let config = fs::read_to_string(work.path().join(".cargo/config.toml")).unwrap();
    assert!(config.contains("target/work"), "{config}");
    assert!(stdout(&run(work.path(), &[])).contains("in work"));

    let again = run(work.path(), &["start", &step]);
    assert_eq!(again.status.code(), Some(2));
    assert!(
        stderr(&again).contains("cargo lab reset"),
        "{}",
        stderr(&again)
    );

    fs::write(folder.join("src/main.rs"), "// mine\n").unwrap();
    let reset = run(work.path(), &["reset", &step]);
    assert!(reset.status.success(), "{}", stderr(&reset));
    let backup = fs::read_dir(work.path().join(".backup"))
        .unwrap()
        .next()
        .unwrap();
    let kept = fs::read_to_string(backup.unwrap().path().join("src/main.rs")).unwrap();
    assert_eq!(kept, "// mine\n");
    let fresh = fs::read_to_string(folder.join("src/main.rs")).unwrap();
    assert!(fresh.contains("TODO"), "{fresh}");

    let solution = run(work.path(), &["solution", &step]);
    assert_eq!(solution.status.code(), Some(1), "shown before it passes");
    // What has little in common with ours is no difference that anybody could read.
    let solution = stdout(&run(work.path(), &["solution", &step, "--anyway"]));
    let course = Course::read().unwrap();
    let reference = course.steps().find(|one| one.name == step).unwrap();
    let ours = fs::read_to_string(reference.reference.join("src/main.rs")).unwrap();
    assert!(solution.contains(&ours), "{solution}");
    let mine = ours.replace("fn main() ", "fn main() /* mine */ ");
    fs::write(folder.join("src/main.rs"), mine).unwrap();
    let solution = stdout(&run(work.path(), &["solution", &step, "--anyway"]));
    assert!(solution.contains("\n-fn main() /* mine */"), "{solution}");
    assert!(solution.contains("\n+fn main() "), "{solution}");
}

fn wrong_names_are_answered_with_right_ones() {
    let work = tempfile::tempdir().unwrap();
    for command in [
        "start", "check", "hint", "open", "reset", "run", "solution", "watch",
    ] {
        for slip in ["tcp_servr", "TCP-Server"] {
            let output = run(work.path(), &[command, slip]);
            assert_eq!(output.status.code(), Some(2), "{command}");
            let said = stderr(&output);
            assert!(
                said.contains("did you mean tcp_server"),
                "{command}: {said}"
            );
        }
    }
    for command in ["check", "reset", "run", "watch"] {
        let output = run(work.path(), &[command, "echo_client"]);
        assert_eq!(output.status.code(), Some(2), "{command}");
        let said = stderr(&output);
        assert!(
            said.contains("`cargo lab start echo_client`"),
            "{command}: {said}"
        );
    }
    let output = run(work.path(), &["check"]);
    assert!(
        stderr(&output).contains("nothing is begun"),
        "{}",
        stderr(&output)
    );
    let output = run(work.path(), &["new", "tcp_server", "--lang", "cobol"]);
    assert!(
        stderr(&output).contains("only for python"),
        "{}",
        stderr(&output)
    );
}

fn a_python_program_is_begun_checked_hinted_at_and_passed() {
    let work = tempfile::tempdir().unwrap();
    let output = run(work.path(), &["new", "tcp_server", "--lang", "python"]);
    assert!(output.status.success(), "{}", stderr(&output));
    let check = run(work.path(), &["check"]);
    assert_eq!(check.status.code(), Some(1), "{}", stderr(&check));
    assert_plain(&check);
    let text = stdout(&check);
    assert!(
        text.contains("expected: it listens on") && text.contains("0 of "),
        "{text}"
    );
    assert!(
        text.contains("⊘ ") && text.contains(" more wait until these pass"),
        "{text}"
    );

    let first = stdout(&run(work.path(), &["hint"]));
    let second = stdout(&run(work.path(), &["hint"]));
    assert!(
        first.contains("hint 1 of") && !first.contains("hint 2 of"),
        "{first}"
    );
    assert!(second.contains("hint 2 of"), "{second}");
    let again = stdout(&run(work.path(), &["hint", "--level", "1"]));
    assert!(!again.contains("hint 2 of"), "{again}");
    let sheet = stdout(&run(work.path(), &["open"]));
    assert!(sheet.starts_with("labs/04_tcp.md:"), "{sheet}");

    python_submission(&work.path().join("tcp_server"), |source| {
        source.replace("number = 0", "number = 4")
    });
    let seeds: Vec<String> = (0..2)
        .map(|_| stdout(&run(work.path(), &["check", "tcp_server", "--seed", "3"])))
        .collect();
    assert!(seeds[0].contains("connection #»1"), "{}", seeds[0]);
    assert!(seeds[0].contains("seed 3"));
    let list = stdout(&run(work.path(), &[]));
    assert!(
        list.contains("in work") && list.contains("next: cargo lab check"),
        "{list}"
    );
}

fn progress_survives_a_kill_and_a_spoilt_file() {
    let work = tempfile::tempdir().unwrap();
    python_submission(&work.path().join("tcp_server"), |source| {
        source.replace("number = 0", "number = 4")
    });
    for pause in [5, 50, 300, 700] {
        let mut child = in_work(work.path())
            .args(["check", "tcp_server"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_millis(pause));
        let _ = child.kill();
        child.wait().unwrap();
        let file = work.path().join(".progress.json");
        if let Ok(text) = fs::read_to_string(file) {
            serde_json::from_str::<serde_json::Value>(&text).unwrap();
        }
    }
    run(work.path(), &["check", "tcp_server"]);
    fs::write(work.path().join(".progress.json"), "{ spoilt").unwrap();
    let output = run(work.path(), &[]);
    assert!(output.status.success(), "{}", stderr(&output));
}

fn progress_is_not_trusted_for_marks() {
    let work = tempfile::tempdir().unwrap();
    python_submission(&work.path().join("tcp_server"), |source| {
        source.replace("number = 0", "number = 4")
    });
    run(work.path(), &["check", "tcp_server"]);
    let file = work.path().join(".progress.json");
    let text = fs::read_to_string(&file).unwrap();
    let forged = text
        .replace("\"score\": 1", "\"score\": 99")
        .replace("\"of\": ", "\"of\": 9");
    fs::write(&file, forged).unwrap();
    let check = run(work.path(), &["check", "tcp_server"]);
    assert_eq!(check.status.code(), Some(1));
}

/// In the course's folder two files of cargo's meet, and it joins what they say.
fn cargo_lab_is_known_within_work() {
    let root = tempfile::tempdir().unwrap();
    fs::create_dir(root.path().join(".cargo")).unwrap();
    let config = ".cargo/config.toml";
    fs::copy(course().join(config), root.path().join(config)).unwrap();
    let work = root.path().join("work");
    let begun = run(&work, &["start", "tcp_server"]);
    assert!(begun.status.success(), "{}", stderr(&begun));
    let listed = Command::new("cargo")
        .arg("--list")
        .current_dir(work.join("tcp_server"))
        .output()
        .unwrap();
    assert!(listed.status.success(), "{}", stderr(&listed));
    let list = stdout(&listed);
    let lab = list.lines().find(|line| line.trim().starts_with("lab "));
    // cargo splits an alias at blanks: a course in such a path is left without it.
    let has_blank = course().display().to_string().contains(char::is_whitespace);
    let is_ours = lab.is_some_and(|line| line.contains("--manifest-path"));
    assert!(has_blank || is_ours, "{lab:?}");
}

fn one_check_alone_leaves_the_progress_as_it_is() {
    let work = tempfile::tempdir().unwrap();
    python_submission(&work.path().join("tcp_server"), |source| {
        source.replace("number = 0", "number = 4")
    });
    let alone = run(work.path(), &["check", "tcp_server.listens"]);
    let said = stdout(&alone);
    assert!(alone.status.success(), "{said}");
    assert!(said.contains("1 of 1 points"), "{said}");
    assert!(!said.contains("numbers each connection"), "{said}");
    assert!(!work.path().join(".progress.json").exists());
    let wrong = run(work.path(), &["check", "tcp_server.no_such_check"]);
    assert_eq!(wrong.status.code(), Some(2), "{}", stderr(&wrong));
}

fn watch_checks_again_on_save_and_takes_keys_from_a_pipe() {
    let work = tempfile::tempdir().unwrap();
    let folder = work.path().join("tcp_server");
    python_submission(&folder, |source| source.replace("number = 0", "number = 4"));
    let mut child = in_work(work.path())
        .args(["watch", "tcp_server"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut keys = child.stdin.take().unwrap();
    let output = BufReader::new(child.stdout.take().unwrap());
    let (sender, lines) = mpsc::channel();
    std::thread::spawn(move || {
        let mut lines = output.lines().map_while(Result::ok);
        lines.try_for_each(|line| sender.send(line))
    });
    let wait_for = |what: &str| {
        let give_up = Instant::now() + Duration::from_secs(120);
        loop {
            let left = give_up.saturating_duration_since(Instant::now());
            match lines.recv_timeout(left) {
                Ok(line) if line.contains(what) => return,
                Ok(_) => {}
                Err(error) => panic!("{what:?} never came: {error}"),
            }
        }
    };
    wait_for("watching for changes");
    keys.write_all(b"h\n").unwrap();
    wait_for("hint 1 of");
    wait_for("watching for changes");
    keys.write_all(b"l\n").unwrap();
    wait_for("steps,");
    wait_for("watching for changes");
    keys.write_all(b"n\n").unwrap();
    wait_for("is not done yet");
    wait_for("watching for changes");
    // A stray key takes no program away.
    keys.write_all(b"x\nl\n").unwrap();
    wait_for("x once more begins tcp_server again");
    wait_for("steps,");
    wait_for("watching for changes");
    assert!(!work.path().join(".backup").exists());
    python_submission(&folder, |source| source.replace("number = 0", "number = 5"));
    wait_for("#»6");
    wait_for("watching for changes");
    keys.write_all(b"q\n").unwrap();
    let give_up = Instant::now() + Duration::from_secs(20);
    while child.try_wait().unwrap().is_none() {
        assert!(Instant::now() < give_up, "q does not end it");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn doctor_looks_at_all_and_names_fixes() {
    let work = tempfile::tempdir().unwrap();
    let output = run(work.path(), &["doctor"]);
    let text = stdout(&output);
    for what in [
        "rustc",
        "linker",
        "loopback 127.0.0.1",
        "port 8080",
        "editor",
    ] {
        assert!(text.contains(what), "{text}");
    }
    // Without tools on the path it says what to install.
    let output = in_work(work.path())
        .arg("doctor")
        .env("PATH", work.path())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stdout(&output).contains("install Rust"),
        "{}",
        stdout(&output)
    );
}

fn doctor_warns_of_an_editor_that_is_not_there_and_of_a_work_that_is_a_file() {
    let dir = tempfile::tempdir().unwrap();
    let work = dir.path().join("work");
    fs::write(&work, "").unwrap();
    let doctor = |editor: &str| {
        let mut command = in_work(&work);
        command
            .arg("doctor")
            .env_remove("VISUAL")
            .env("EDITOR", editor);
        command.output().unwrap()
    };
    let output = doctor("no_such_editor --wait");
    assert_eq!(output.status.code(), Some(1));
    let text = stdout(&output);
    assert!(
        text.contains("✘ work folder") && text.contains("`mv "),
        "{text}"
    );
    assert!(text.contains("EDITOR names no_such_editor"), "{text}");
    assert!(
        text.contains("9090/udp") && text.contains("openssl"),
        "{text}"
    );
    let text = stdout(&doctor(""));
    assert!(text.contains("EDITOR is empty: `export EDITOR="), "{text}");
}

fn a_step_is_begun_again_in_the_language_of_the_old_program_or_the_one_named() {
    let work = tempfile::tempdir().unwrap();
    let file = |name: &str| work.path().join("tcp_client").join(name);
    let done = |args: &[&str]| {
        let output = run(work.path(), args);
        assert!(output.status.success(), "{args:?}: {}", stderr(&output));
    };
    done(&["new", "tcp_client", "--lang", "ruby"]);
    done(&["reset", "tcp_client"]);
    assert!(file("tcp_client.rb").exists());

    for (args, language) in [
        (&["new", "tcp_client", "--lang", "python"][..], "python"),
        (&["start", "tcp_client"], "rust"),
    ] {
        let output = run(work.path(), args);
        assert_eq!(output.status.code(), Some(2));
        let offer = format!("`cargo lab reset tcp_client --lang {language}`");
        let said = stderr(&output);
        assert!(said.contains(&offer), "{said}");
        assert!(said.contains("in ruby"), "{said}");
    }

    let output = run(work.path(), &["reset", "tcp_client", "--lang", "cobol"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(file("tcp_client.rb").exists(), "a wrong word has moved it");
    done(&["reset", "tcp_client", "--lang", "python"]);
    assert!(file("tcp_client.py").exists() && !file("tcp_client.rb").exists());
    done(&["reset", "tcp_client", "--lang", "rust"]);
    assert!(file("src/main.rs").exists() && !file("lab.toml").exists());
    done(&["reset", "tcp_client"]);
    assert!(file("src/main.rs").exists());
    let backups = fs::read_dir(work.path().join(".backup")).unwrap().count();
    assert_eq!(backups, 4);
}

fn run_fills_in_host_port_and_arguments_as_a_check_does() {
    let work = tempfile::tempdir().unwrap();
    let folder = work.path().join("tcp_server");
    fs::create_dir(&folder).unwrap();
    let source = "import os, sys\n\
                  print(sys.argv[1:], os.environ['HOST'], os.environ['PORT'])\n";
    fs::write(folder.join("show.py"), source).unwrap();
    let shown = |command: &str, args: &[&str]| {
        let python = grading::harness::python().unwrap();
        let lab_toml =
            format!("[programs]\ntcp_server = \"{python} show.py {command}\"\n");
        fs::write(folder.join("lab.toml"), lab_toml).unwrap();
        let args = [&["run", "tcp_server"], args].concat();
        let output = run(work.path(), &args);
        assert!(output.status.success(), "{}", stderr(&output));
        stdout(&output).trim_end().to_owned()
    };
    assert_eq!(
        shown("--at={host}:{port}", &[]),
        "['--at=127.0.0.1:8080'] 127.0.0.1 8080"
    );
    assert_eq!(
        shown("{args} {port}", &["--port", "9000", "-v", "--host=::1"]),
        "['-v', '9000'] ::1 9000"
    );
    assert_eq!(
        shown("{port}", &["--", "--help", "--port", "1"]),
        "['8080', '--help', '--port', '1'] 127.0.0.1 8080"
    );
    let output = run(work.path(), &["run", "tcp_server", "--port", "many"]);
    assert_eq!(output.status.code(), Some(2));
}

fn run_names_an_interpreter_that_is_missing() {
    let work = tempfile::tempdir().unwrap();
    let folder = work.path().join("tcp_server");
    fs::create_dir(&folder).unwrap();
    let lab_toml = "[programs]\ntcp_server = \"no_such_ruby server.rb\"\n";
    fs::write(folder.join("lab.toml"), lab_toml).unwrap();
    let output = run(work.path(), &["run", "tcp_server"]);
    assert_eq!(output.status.code(), Some(3));
    let said = stderr(&output);
    assert!(said.contains("cannot run no_such_ruby"), "{said}");
}

fn what_to_do_next_is_the_same_after_a_pass_and_in_the_list() {
    let work = tempfile::tempdir().unwrap();
    python_submission(&work.path().join("tcp_server"), |source| {
        let source = source.replace("client, _ =", "client, peer =");
        let numbered =
            "number += 1\n    print(f'Connection #{number} from {peer}', flush=True)";
        let source = source.replace("number += 1", numbered);
        let received = "if message:\n            \
                        print('Received:', message.decode(errors='replace'), flush=True)";
        source.replace("if message:", received)
    });
    let last = |args: &[&str]| {
        let text = stdout(&run(work.path(), args));
        text.trim_end()
            .lines()
            .last()
            .unwrap_or_default()
            .to_owned()
    };
    let passed = last(&["check", "tcp_server"]);
    assert!(passed.starts_with("next: cargo lab start "), "{passed}");
    assert_eq!(last(&[]), passed);

    let step = passed.rsplit(' ').next().unwrap();
    assert!(run(work.path(), &["start", step]).status.success());
    let next = format!("next: cargo lab check {step}");
    assert_eq!(last(&["check", "tcp_server"]), next);
    assert_eq!(last(&[]), next);
}

fn hints_name_the_step_and_refuse_a_level_that_is_not_there() {
    let work = tempfile::tempdir().unwrap();
    let text = stdout(&run(work.path(), &["hint", "tcp_client"]));
    assert!(
        text.ends_with("One more: cargo lab hint tcp_client\n"),
        "{text}"
    );
    for level in ["0", "9"] {
        let output = run(work.path(), &["hint", "tcp_client", "--level", level]);
        assert_eq!(output.status.code(), Some(2));
        let said = stderr(&output);
        assert!(said.contains(" are 1 to "), "{said}");
    }
}

fn a_hint_begins_with_the_likely_cause() {
    let work = tempfile::tempdir().unwrap();
    python_submission(&work.path().join("tcp_server"), |source| {
        source.replace("#{number}", "#{number}\\n")
    });
    run(work.path(), &["check", "tcp_server"]);
    let text = stdout(&run(work.path(), &["hint"]));
    let likely = "\nlikely: after the # stands the number, and nothing follows it";
    assert!(text.contains(likely), "{text}");
    assert!(text.find(likely) < text.find("hint 1 of"), "{text}");
}

fn the_verdict_is_shown_also_when_the_progress_cannot_be_kept() {
    let work = tempfile::tempdir().unwrap();
    python_submission(&work.path().join("tcp_server"), |source| {
        source.replace("number = 0", "number = 4")
    });
    // A folder in its place cannot be replaced, not even by root.
    fs::create_dir_all(work.path().join(".progress.json/x")).unwrap();
    let output = run(work.path(), &["check", "tcp_server"]);
    assert_eq!(output.status.code(), Some(3));
    assert!(stdout(&output).contains(" points"), "{}", stdout(&output));
    let said = stderr(&output);
    assert!(said.contains("the progress is not kept"), "{said}");
}

fn a_spoilt_note_of_the_progress_is_kept() {
    let work = tempfile::tempdir().unwrap();
    for (content, aside) in [
        ("{ mine", ".progress.json.broken"),
        ("{ mine, too", ".progress.json.broken-2"),
    ] {
        fs::write(work.path().join(".progress.json"), content).unwrap();
        let output = run(work.path(), &["hint", "tcp_client"]);
        assert!(output.status.success(), "{}", stderr(&output));
        assert!(stderr(&output).contains(aside), "{}", stderr(&output));
        let kept = fs::read_to_string(work.path().join(aside)).unwrap();
        assert_eq!(kept, content);
    }
}

fn output_that_nobody_reads_ends_it_with_one_line_and_status_1() {
    let work = tempfile::tempdir().unwrap();
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let output = in_work(work.path()).stdout(writer).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = stderr(&output);
    assert!(said.starts_with("error: cannot write to stdout"), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
}

fn gradescope_s_script_writes_its_results() {
    let root = tempfile::tempdir().unwrap();
    let submission = root.path().join("submission");
    python_submission(&submission.join("tcp_server"), |source| {
        source.replace("number = 0", "number = 4")
    });
    let script = course().join("tests/autograder/gradescope/run_autograder");
    let mut command = Command::new("bash");
    forget_package(&mut command);
    #[cfg(unix)]
    if !crate::in_full() {
        use crate::support::{first_in_path, quick_cargo};
        first_in_path(&mut command, quick_cargo());
    }
    let status = command
        .arg(script)
        .env("AUTOGRADER_ROOT", root.path())
        .env("LAB_COURSE", course())
        .env(
            "LAB_STEPS",
            "tcp_server.listens,tcp_server.numbers_each_connection",
        )
        .status()
        .unwrap();
    assert!(status.success());
    let text = fs::read_to_string(root.path().join("results/results.json")).unwrap();
    let results: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(results["score"], 1, "{text}");
    assert_eq!(results["tests"][0]["status"], "passed");
    assert_eq!(results["tests"][1]["status"], "failed");
}
