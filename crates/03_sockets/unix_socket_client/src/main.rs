//! Chapter 3: a client for the Unix socket server: its address is a file (unix(7)).
//!
//! Terminal 1:  cargo run -p unix_socket_server
//! Terminal 2:  cargo run -p unix_socket_client
//! Lab sheet:   labs/03_sockets.md

#[cfg(unix)]
mod talk;

use std::env;
use std::path::PathBuf;
use std::process::ExitCode;

use labkit::Console;

/// Send what is typed to the server, line by line; the line `close` ends.
#[derive(clap::Parser)]
#[command(version)]
#[cfg_attr(not(unix), allow(dead_code))]
struct Args {
    /// The file that stands for the server's socket
    #[arg(long, default_value_os_t = default_path())]
    path: PathBuf,
    #[command(flatten)]
    console: Console,
    /// The same, without the word --path
    #[arg(value_name = "PATH", hide = true, conflicts_with = "path")]
    positional_path: Option<PathBuf>,
}

fn default_path() -> PathBuf {
    env::temp_dir().join("socket_labs.sock")
}

fn main() -> ExitCode {
    #[cfg(unix)]
    return labkit::run(talk::talk);
    #[cfg(not(unix))]
    labkit::run(|_: Args| anyhow::bail!("Unix sockets need Linux, macOS or WSL"))
}
