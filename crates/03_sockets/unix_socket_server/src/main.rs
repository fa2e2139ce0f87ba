//! Chapter 3: the message server for programs on the same machine: its address is a file
//! (unix(7)).
//!
//! Terminal 1:  cargo run -p unix_socket_server
//! Terminal 2:  cargo run -p unix_socket_client
//! Lab sheet:   labs/03_sockets.md

#[cfg(unix)]
mod serve;

use std::env;
use std::path::PathBuf;
use std::process::ExitCode;

/// Answer the messages of many clients at once, over a Unix socket.
#[derive(clap::Parser)]
#[command(version)]
#[cfg_attr(not(unix), allow(dead_code))]
struct Args {
    /// The file that stands for the socket
    #[arg(long, default_value_os_t = default_path())]
    path: PathBuf,
    /// The same, without the word --path
    #[arg(value_name = "PATH", hide = true, conflicts_with = "path")]
    positional_path: Option<PathBuf>,
    #[command(flatten)]
    console: labkit::Console,
    /// Seconds after which a silent client is let go
    #[arg(long, default_value_t = 300, value_parser = labkit::seconds())]
    idle_timeout: u64,
}

fn default_path() -> PathBuf {
    env::temp_dir().join("socket_labs.sock")
}

fn main() -> ExitCode {
    #[cfg(unix)]
    return labkit::run(serve::serve);
    #[cfg(not(unix))]
    labkit::run(|_: Args| anyhow::bail!("Unix sockets need Linux, macOS or WSL"))
}
