//! Chapter 8: the client of the file server, which you write.
//!
//! Lab sheet:  labs/08_client_server.md

mod local;

use std::path::PathBuf;

use clap::Parser;

/// Send files to the server, fetch them, list them.
#[derive(clap::Parser)]
#[command(version)]
struct Args {
    /// Address or name of the server
    #[arg(long, default_value = "127.0.0.1")]
    host: String,
    /// Port
    #[arg(long, default_value_t = 9000)]
    port: u16,
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Send a file
    Put {
        /// The file to send
        file: PathBuf,
    },
    /// Fetch a file
    Get {
        /// Its name on the server
        name: String,
    },
    /// List the files on the server
    List,
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();

    // TODO (step 7): connect to args.host and args.port, and report it if that fails.
    let _ = (args.host, args.port);

    match args.command {
        // TODO (step 7): announce name and size, wait for the yes, send content and
        // checksum, wait for the yes again. A no has a reason: print it, and fail.
        Command::Put { file } => drop(file),
        // TODO (step 7): ask, read the yes, the size, the content and the checksum.
        // TODO (step 8): the file appears under its name only when it is whole and right
        // (local.rs).
        Command::Get { name } => drop(name),
        // TODO (step 7): ask, and print size and name of each file.
        Command::List => {}
    }
    Ok(())
}
