//! nginx as a peer: one static page, over HTTP or TLS.

use std::fmt::Write;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use tempfile::TempDir;

use crate::{Running, fresh_addr, program};

/// How nginx sends a page from disk. Which one it is moves its rate by half, so a ratio to
/// "nginx" says little without it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sending {
    /// `sendfile on`: the head goes out first, then the kernel sends the file.
    Sendfile,
    /// `sendfile on; tcp_nopush on`: head and file leave in one packet.
    SendfileNopush,
}

/// An nginx with its configuration and its page in a folder of its own.
pub struct Nginx {
    running: Running,
    _folder: TempDir,
}

impl Nginx {
    /// Starts so many workers that serve a page of so many bytes, over TLS where a
    /// certificate and its key are given.
    ///
    /// # Errors
    ///
    /// When it cannot be started or does not listen within 10 s.
    pub fn start(
        workers: usize,
        page: usize,
        sending: Sending,
        tls: Option<(&Path, &Path)>,
    ) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let addr = fresh_addr()?;
        fs::write(folder.path().join("index.html"), "x".repeat(page))?;
        let config = config(folder.path(), addr, workers, sending, tls)?;
        let file = folder.path().join("nginx.conf");
        fs::write(&file, config)?;
        let mut command = program()?;
        command.arg("-c").arg(&file).arg("-p").arg(folder.path());
        command.arg("-e").arg(folder.path().join("error.log"));
        Ok(Nginx {
            running: Running::start(command, addr)?,
            _folder: folder,
        })
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.running.addr
    }
}

fn config(
    folder: &Path,
    addr: SocketAddr,
    workers: usize,
    sending: Sending,
    tls: Option<(&Path, &Path)>,
) -> anyhow::Result<String> {
    let nopush = match sending {
        Sending::Sendfile => "off",
        Sending::SendfileNopush => "on",
    };
    let folder = folder.display();
    let mut config = format!(
        "daemon off;\nuser root;\nworker_processes {workers};\npid {folder}/pid;\n\
         error_log /dev/null;\nevents {{ worker_connections 1024; }}\nhttp {{\n\
         access_log off;\nopen_file_cache max=16;\nopen_file_cache_valid 60s;\n\
         sendfile on;\ntcp_nopush {nopush};\nkeepalive_requests 1000000000;\n\
         ssl_session_cache off;\nssl_session_tickets off;\n"
    );
    for kind in ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"] {
        writeln!(config, "{kind}_temp_path {folder}/{kind};")?;
    }
    let mut ssl = "";
    if let Some((certificate, key)) = tls {
        ssl = " ssl";
        writeln!(config, "ssl_certificate {};", certificate.display())?;
        writeln!(config, "ssl_certificate_key {};", key.display())?;
        writeln!(config, "ssl_protocols TLSv1.3;")?;
    }
    writeln!(config, "server {{ listen {addr}{ssl} backlog=4096;")?;
    writeln!(config, "root {folder}; }} }}")?;
    Ok(config)
}
