//! Who is in the room, who is told what: no sockets here, bytes in and bytes out.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;

use labkit::printable;

/// The longest name, in characters.
const MAX_NAME: usize = 20;

/// What everybody reads first.
const GREETING: &[u8] = b"Welcome to the chat server! Type 'quit' to exit.\n";
/// What stands before each message that is confirmed to its sender.
const CONFIRMATION: &[u8] = b"Server received: ";
/// The answer to `/help`.
const HELP: &str = "* /name NAME takes a name, /who lists who is here, quit leaves\n";

/// One person in the room.
#[derive(Debug)]
struct Member {
    peer_addr: SocketAddr,
    /// The peer address, until the member takes a name.
    name: String,
    /// What the member has still to be sent.
    outbox: VecDeque<u8>,
}

/// What to do after a message.
#[derive(Debug, PartialEq, Eq)]
pub enum After {
    /// The member stays.
    Stays,
    /// The member wants to leave.
    Quits,
}

/// Everybody who is here, by the number of the connection.
#[derive(Debug, Default)]
pub struct Room {
    members: BTreeMap<usize, Member>,
    /// Nothing but the confirmation: no broadcast, no names.
    echo_only: bool,
}

impl Room {
    /// An empty room.
    pub fn new(echo_only: bool) -> Self {
        Room {
            members: BTreeMap::new(),
            echo_only,
        }
    }

    /// How many are here.
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// What a member has still to be sent.
    pub fn outbox(&mut self, id: usize) -> Option<&mut VecDeque<u8>> {
        self.members.get_mut(&id).map(|member| &mut member.outbox)
    }

    /// Greets a new member and tells everybody else.
    pub fn join(&mut self, id: usize, peer_addr: SocketAddr) {
        let name = peer_addr.to_string();
        self.tell_others(id, &format!("* {name} joined\n"));
        let member = Member {
            peer_addr,
            name,
            outbox: GREETING.iter().copied().collect(),
        };
        self.members.insert(id, member);
    }

    /// Takes a member out, tells everybody else, and returns what was not yet sent.
    pub fn leave(&mut self, id: usize) -> VecDeque<u8> {
        let Some(member) = self.members.remove(&id) else {
            return VecDeque::new();
        };
        self.tell_others(id, &format!("* {} left\n", member.name));
        member.outbox
    }

    /// Handles one message: confirms it to the sender and tells everybody else.
    pub fn hear(&mut self, id: usize, message: &[u8]) -> After {
        let text = message.trim_ascii();
        if text.eq_ignore_ascii_case(b"quit") {
            return After::Quits;
        }
        if let Some(outbox) = self.outbox(id) {
            outbox.extend(CONFIRMATION);
            outbox.extend(message);
        }
        if self.echo_only {
            return After::Stays;
        }
        if let Some(reply) = self.command(id, text) {
            self.tell(id, &reply);
        } else if let Some(member) = self.members.get(&id) {
            let line = format!("[{}] {}\n", member.name, one_line(message));
            self.tell_others(id, &line);
        }
        After::Stays
    }

    /// Does what a command says and returns the answer; `None` if it is no command.
    fn command(&mut self, id: usize, text: &[u8]) -> Option<String> {
        let text = str::from_utf8(text).ok()?;
        let (verb, argument) = text.split_once(' ').unwrap_or((text, ""));
        match (verb, argument.trim()) {
            ("/help", "") => Some(HELP.to_owned()),
            ("/who", "") => Some(self.who()),
            ("/name", name) => Some(match self.rename(id, name) {
                Ok(()) => format!("* You are {name} now\n"),
                Err(why) => format!("* You keep your name: {why}\n"),
            }),
            _ => None,
        }
    }

    /// Lists everybody, in the order in which they came.
    fn who(&self) -> String {
        let mut list = format!("* Here: {}\n", self.len());
        for member in self.members.values() {
            let Member {
                name, peer_addr, ..
            } = member;
            list.push_str(&format!("* {name} from {peer_addr}\n"));
        }
        list
    }

    /// Gives a member a name that nobody can take for another's.
    ///
    /// Letters are ASCII only, since the Latin `a` and the Cyrillic `а` look alike, and a
    /// letter comes first, so that no name looks like the address of someone nameless.
    fn rename(&mut self, id: usize, name: &str) -> Result<(), String> {
        let is_allowed = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        if name.len() > MAX_NAME || !name.chars().all(is_allowed) {
            return Err(format!(
                "a name has at most {MAX_NAME} letters (a to z), digits, - or _"
            ));
        }
        if !name.starts_with(|c: char| c.is_ascii_alphabetic()) {
            return Err("a name begins with a letter (a to z)".to_owned());
        }
        let mut others = self.members.iter().filter(|(other, _)| **other != id);
        if others.any(|(_, other)| other.name.eq_ignore_ascii_case(name)) {
            return Err(format!("{name} is here already"));
        }
        if let Some(member) = self.members.get_mut(&id) {
            member.name = name.to_owned();
        }
        Ok(())
    }

    /// Tells one member.
    pub fn tell(&mut self, id: usize, line: &str) {
        if self.echo_only {
            return;
        }
        if let Some(outbox) = self.outbox(id) {
            outbox.extend(line.as_bytes());
        }
    }

    /// Tells everybody but one.
    fn tell_others(&mut self, id: usize, line: &str) {
        if self.echo_only {
            return;
        }
        for (other, member) in &mut self.members {
            if *other != id {
                member.outbox.extend(line.as_bytes());
            }
        }
    }
}

/// Returns a message as text for other people's terminals: without its line end, and
/// with nothing in it that could forge a line or drive the terminal. Tabs may stay.
fn one_line(message: &[u8]) -> String {
    let line = without_line_end(message);
    let parts: Vec<String> = line.split(|&b| b == b'\t').map(printable).collect();
    parts.join("\t")
}

/// Returns a message without the line end that belongs to it, if one does.
pub fn without_line_end(message: &[u8]) -> &[u8] {
    let line = message.strip_suffix(b"\n").unwrap_or(message);
    line.strip_suffix(b"\r").unwrap_or(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A room of three, who have read what came at the start.
    fn room() -> Room {
        let mut room = Room::new(false);
        for id in 1..=3 {
            let port = 50_000 + u16::try_from(id).unwrap();
            room.join(id, SocketAddr::from(([127, 0, 0, 1], port)));
        }
        for id in 1..=3 {
            read(&mut room, id);
        }
        room
    }

    /// Takes what a member is to be sent.
    fn read(room: &mut Room, id: usize) -> String {
        String::from_utf8(room.outbox(id).unwrap().drain(..).collect()).unwrap()
    }

    #[test]
    fn who_comes_is_greeted_and_announced() {
        let mut room = Room::new(false);
        room.join(1, "127.0.0.1:50001".parse().unwrap());
        room.join(2, "127.0.0.1:50002".parse().unwrap());
        let greeting = String::from_utf8(GREETING.to_vec()).unwrap();
        assert_eq!(
            read(&mut room, 1),
            format!("{greeting}* 127.0.0.1:50002 joined\n")
        );
        assert_eq!(read(&mut room, 2), greeting);
    }

    #[test]
    fn a_message_is_confirmed_unchanged_and_told_to_the_others_as_a_line() {
        let mut room = room();
        for (message, line) in [
            ("  aB é  \n", "  aB é  "),
            ("tab\there\r\n", "tab\there"),
            ("no newline", "no newline"),
            ("\n", ""),
            ("a\rb\u{1b}[2J", "a\\rb\\u{1b}[2J"),
        ] {
            assert_eq!(room.hear(1, message.as_bytes()), After::Stays);
            assert_eq!(read(&mut room, 1), format!("Server received: {message}"));
            for other in 2..=3 {
                assert_eq!(
                    read(&mut room, other),
                    format!("[127.0.0.1:50001] {line}\n")
                );
            }
        }
    }

    #[test]
    fn quit_is_quit_in_any_case_and_nothing_longer_is() {
        let mut room = room();
        for quit in ["quit", "QUIT\n", " Quit \r\n"] {
            assert_eq!(room.hear(1, quit.as_bytes()), After::Quits);
        }
        for other in ["quitter\n", "quit now\n", "/quit"] {
            assert_eq!(room.hear(1, other.as_bytes()), After::Stays);
        }
    }

    #[test]
    fn a_name_stands_before_what_its_owner_says() {
        let mut room = room();
        room.hear(1, b"/name alice\n");
        room.hear(1, b"hi\n");
        assert!(read(&mut room, 1).contains("* You are alice now\n"));
        assert_eq!(read(&mut room, 2), "[alice] hi\n");
        assert!(room.leave(1).is_empty());
        assert_eq!(read(&mut room, 3), "[alice] hi\n* alice left\n");
    }

    #[test]
    fn a_name_cannot_be_forged() {
        let mut room = room();
        room.hear(1, b"/name alice\n");
        let longest = "a".repeat(MAX_NAME);
        let too_long = "a".repeat(MAX_NAME + 1);
        for bad in [
            "",
            "alice",
            "ALICE",
            "al ice",
            "alice]",
            "аlice",
            "al\u{200b}ice",
            "a\u{1b}[0m",
            "127.0.0.1:50003",
            "-",
            &too_long,
        ] {
            room.hear(2, format!("/name {bad}\n").as_bytes());
            let reply = read(&mut room, 2);
            assert!(reply.contains("* You keep your name: "), "{bad:?}: {reply}");
        }
        for good in ["bob", "Bob", longest.as_str()] {
            room.hear(2, format!("/name {good}\n").as_bytes());
            let reply = read(&mut room, 2);
            assert!(reply.contains("* You are"), "{good:?}: {reply}");
        }
        assert_eq!(
            read(&mut room, 3),
            "",
            "a command is nobody else's business"
        );
    }

    #[test]
    fn who_lists_names_and_addresses() {
        let mut room = room();
        room.hear(2, b"/name bob\n");
        room.hear(1, b"/who\n");
        assert_eq!(
            read(&mut room, 1),
            "Server received: /who\n* Here: 3\n\
             * 127.0.0.1:50001 from 127.0.0.1:50001\n\
             * bob from 127.0.0.1:50002\n\
             * 127.0.0.1:50003 from 127.0.0.1:50003\n"
        );
    }

    #[test]
    fn echo_only_confirms_and_does_nothing_else() {
        let mut room = Room::new(true);
        for id in 1..=2 {
            room.join(id, "127.0.0.1:50001".parse().unwrap());
            read(&mut room, id);
        }
        room.hear(1, b"/name alice\n");
        room.leave(1);
        assert_eq!(read(&mut room, 2), "");
        assert_eq!(room.hear(2, b"quit"), After::Quits);
    }
}
