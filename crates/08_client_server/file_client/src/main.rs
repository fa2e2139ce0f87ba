//! Chapter 8: the client of the file server: it sends files, fetches them and lists them.
//!
//! Terminal 1:  cargo run -p file_server
//! Terminal 2:  cargo run -p file_client -- put README.md
//! Lab sheet:   labs/08_client_server.md
//!
//! The parts: the frames come from the library of file_server, `local` has the files on
//! this side and the progress bar.

mod local;

use std::io::Write;
use std::net::{Shutdown, TcpStream};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Context, anyhow, bail, ensure};
use file_server::{Request, copy, read_checksum, read_list, read_reply, read_size};
use labkit::{Console, Endpoint, printable};

/// A server that neither sends nor takes a byte for this long has forgotten us.
const REPLY_TIMEOUT: Duration = Duration::from_secs(60);

/// Send files to the server, fetch them, list them.
#[derive(clap::Parser)]
#[command(version)]
struct Args {
    #[command(flatten)]
    endpoint: Endpoint<9000>,
    #[command(flatten)]
    console: Console,
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Send files
    Put {
        /// The files to send
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// The name on the server, if it is to be another one (one file only)
        #[arg(long = "as", value_name = "NAME")]
        name: Option<String>,
    },
    /// Fetch a file
    Get {
        /// Its name on the server
        name: String,
        /// Where to put it, if not under its name in this directory
        #[arg(long)]
        output: Option<PathBuf>,
    },
    /// List the files on the server
    List,
}

fn main() -> ExitCode {
    labkit::run_client(talk, "file_server")
}

fn talk(args: Args) -> anyhow::Result<()> {
    let stream = TcpStream::connect(&args.endpoint.addrs()?[..])
        .with_context(|| format!("cannot connect to {}", args.endpoint))?;
    stream.set_read_timeout(Some(REPLY_TIMEOUT))?;
    stream.set_write_timeout(Some(REPLY_TIMEOUT))?;
    stream.set_nodelay(true)?; // The checksum is a small write behind large ones.
    let interrupted = close_on_ctrl_c(&stream)?;

    match transfer(&stream, args.command, args.console) {
        // The connection broke since the user wanted it to, by no fault of the server's.
        Err(_) if interrupted.load(Ordering::Acquire) => bail!("interrupted"),
        outcome => outcome,
    }
}

/// Does what was asked for.
fn transfer(
    stream: &TcpStream,
    command: Command,
    console: Console,
) -> anyhow::Result<()> {
    match command {
        Command::Put { files, name } => {
            let count = files.len();
            ensure!(
                name.is_none() || count == 1,
                "--as gives one file another name, and there are {count}"
            );
            for path in &files {
                put(stream, path, name.as_deref(), console)?;
            }
            Ok(())
        }
        Command::Get { name, output } => {
            let path = output.unwrap_or_else(|| PathBuf::from(&name));
            get(stream, name, &path, console)
        }
        Command::List => list(stream),
    }
}

/// Lets Ctrl-C end the transfer as a broken connection does: with nothing half left.
/// Returns what tells that it was so.
fn close_on_ctrl_c(stream: &TcpStream) -> anyhow::Result<Arc<AtomicBool>> {
    let is_interrupted = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&is_interrupted);
    let interrupted = labkit::ctrl_c()?;
    let stream = stream.try_clone()?;
    thread::spawn(move || {
        if interrupted.recv().is_ok() {
            flag.store(true, Ordering::Release);
            let _ = stream.shutdown(Shutdown::Both);
        }
    });
    Ok(is_interrupted)
}

/// Announces one file, sends it when the server says yes, and waits for its word.
fn put(
    mut stream: &TcpStream,
    path: &Path,
    name: Option<&str>,
    console: Console,
) -> anyhow::Result<()> {
    let (mut file, size) = local::open(path)?;
    let own_name = path.file_name().unwrap_or_default().to_string_lossy();
    let name = name.unwrap_or(&own_name).to_owned();
    let shown = printable(name.as_bytes());

    let request = Request::Put { name, size };
    stream.write_all(&request.to_bytes()?)?;
    expect_yes(stream)?;
    let bar = local::progress_bar(size);
    let checksum = copy(&mut file, &mut stream, size, |len| bar.inc(len))
        .with_context(|| format!("cannot send {}", path.display()))?;
    bar.finish_and_clear();
    stream.write_all(&checksum.to_be_bytes())?;
    expect_yes(stream)?;
    console.line(format_args!(
        "Sent {shown} ({size} bytes, CRC-32 {checksum:08x})"
    ));
    Ok(())
}

/// Fetches one file. It appears under its name only when it is complete and right.
fn get(
    mut stream: &TcpStream,
    name: String,
    path: &Path,
    console: Console,
) -> anyhow::Result<()> {
    let path = &local::target(path)?;
    let request = Request::Get { name: name.clone() };
    stream.write_all(&request.to_bytes()?)?;
    expect_yes(stream)?;
    let size = read_size(&mut stream)?;
    let mut unfinished = local::create_beside(path)?;
    let bar = local::progress_bar(size);
    let file = unfinished.as_file_mut();
    let checksum = copy(&mut stream, file, size, |len| bar.inc(len))
        .with_context(|| format!("cannot fetch {name:?}"))?;
    bar.finish_and_clear();
    ensure!(
        checksum == read_checksum(&mut stream)?,
        "{name:?} has changed on its way: the checksum is another one"
    );
    local::keep(unfinished, path)?;
    let shown = printable(name.as_bytes());
    console.line(format_args!(
        "Received {shown} ({size} bytes, CRC-32 {checksum:08x})"
    ));
    Ok(())
}

/// Prints what the server has.
fn list(mut stream: &TcpStream) -> anyhow::Result<()> {
    stream.write_all(&Request::List.to_bytes()?)?;
    expect_yes(stream)?;
    for entry in read_list(&mut stream)? {
        println!("{:>12}  {}", entry.size, printable(entry.name.as_bytes()));
    }
    Ok(())
}

/// Reads the server's yes; its no is our error.
fn expect_yes(mut stream: &TcpStream) -> anyhow::Result<()> {
    read_reply(&mut stream)
        .context("no reply from the server")?
        .map_err(|why| anyhow!("the server refuses {}", printable(why.as_bytes())))
}
