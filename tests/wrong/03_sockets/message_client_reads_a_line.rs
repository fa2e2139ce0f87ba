//! Waits for a line end in the answer, and a protocol without framing has none.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::{env, io};

fn main() {
    let args: Vec<String> = env::args().collect();
    let stream = match TcpStream::connect(format!("{}:{}", args[1], args[2])) {
        Ok(stream) => stream,
        Err(error) => {
            println!("Error: {error}\nConnection to server closed");
            return;
        }
    };
    let mut answers = BufReader::new(&stream);
    loop {
        print!("Enter message: ");
        io::stdout().flush().unwrap();
        let mut line = String::new();
        if io::stdin().read_line(&mut line).unwrap() == 0 {
            break;
        }
        let mut text = line.trim_end_matches(['\r', '\n']);
        while text.len() > 1024 || !text.is_char_boundary(text.len()) {
            let mut cut = 1024;
            while !text.is_char_boundary(cut) {
                cut -= 1;
            }
            text = &text[..cut];
        }
        let _ = (&stream).write_all(text.as_bytes());
        let mut answer = String::new();
        if answers.read_line(&mut answer).unwrap_or(0) == 0 || answer == "closed\n" {
            break;
        }
        println!("Received: {answer}");
    }
    println!("Connection to server closed");
}
