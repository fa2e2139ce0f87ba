//! Reading from the server, within the limits of time.

use std::io::{ErrorKind, Read};
use std::net::TcpStream;

use anyhow::{Context, bail};
use fetch_url::patience::{Patience, TOO_LONG, is_timeout};

/// What comes from the server.
pub struct Input {
    stream: TcpStream,
    /// What has come and is not yet passed on.
    pub received: Vec<u8>,
    patience: Patience,
}

impl Input {
    pub fn new(stream: TcpStream, patience: Patience) -> Self {
        Input {
            stream,
            received: Vec::new(),
            patience,
        }
    }

    /// Reads once and appends to what has been received; returns false at the end.
    pub fn fill(&mut self) -> anyhow::Result<bool> {
        let idle = self.patience.idle;
        let wait = self.patience.limit(idle)?;
        self.stream.set_read_timeout(Some(wait))?;
        let mut buf = [0; 16 * 1024];
        let len = loop {
            match self.stream.read(&mut buf) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                // Not passed on as a timeout, whose hint is about a wrong host or port: the
                // server is there, and whose patience ended is known.
                Err(error) if is_timeout(&error) && wait < idle => bail!("{TOO_LONG}"),
                Err(error) if is_timeout(&error) => {
                    bail!("the server was silent for {} s (--timeout)", idle.as_secs())
                }
                read => break read.context("cannot read the response")?,
            }
        };
        self.received
            .extend_from_slice(buf.get(..len).unwrap_or_default());
        Ok(len > 0)
    }
}
