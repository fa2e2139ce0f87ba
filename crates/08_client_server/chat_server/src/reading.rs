//! Reading what one client says, and what it means when nothing comes.

use std::io::{self, ErrorKind, Read};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use crate::delivery::{Chat, Seat};
use crate::messages::{Inbox, PAUSE};
use crate::room::After;

/// What one read returns at most: many messages of one who says much at once.
const READ_SIZE: usize = 8 * 1024;

/// What one read has brought.
enum Heard {
    Bytes,
    /// Nothing: what is there is a whole message.
    Pause,
    /// Nothing, for too long.
    Idle,
    End,
}

/// Reads what a client sends, and handles it message by message, until the client leaves.
pub fn read_messages(
    seat: &Seat,
    chat: &Arc<Chat>,
    idle_timeout: Duration,
) -> io::Result<()> {
    let mut timeout = idle_timeout;
    let mut inbox = Inbox::default();
    seat.stream().set_read_timeout(Some(timeout))?;
    loop {
        let heard = read_more(seat.stream(), &mut inbox)?;
        let is_whole = matches!(heard, Heard::Pause | Heard::End);
        if chat.hear(seat, &mut inbox, is_whole) == After::Quits {
            return Ok(());
        }
        match heard {
            Heard::End => return Ok(()),
            Heard::Idle => {
                chat.tell(seat, "* You have said nothing for too long: good-bye\n");
                return Ok(());
            }
            Heard::Bytes | Heard::Pause => {}
        }
        // The end of a message that has no newline is a pause.
        let patience = if inbox.is_empty() {
            idle_timeout
        } else {
            PAUSE
        };
        if patience != timeout {
            timeout = patience;
            seat.stream().set_read_timeout(Some(timeout))?;
        }
    }
}

/// Reads once into the inbox, as long as the socket's timeout allows.
fn read_more(mut stream: &TcpStream, inbox: &mut Inbox) -> io::Result<Heard> {
    let mut buf = [0; READ_SIZE];
    match stream.read(&mut buf) {
        Ok(0) => Ok(Heard::End),
        Ok(len) => {
            inbox.push(buf.get(..len).unwrap_or_default());
            Ok(Heard::Bytes)
        }
        Err(error) => match error.kind() {
            ErrorKind::Interrupted => Ok(Heard::Bytes),
            ErrorKind::WouldBlock | ErrorKind::TimedOut if inbox.is_empty() => {
                Ok(Heard::Idle)
            }
            ErrorKind::WouldBlock | ErrorKind::TimedOut => Ok(Heard::Pause),
            _ => Err(error),
        },
    }
}
