//! Cleo's tcp_server does not compile.

use std::net::TcpListener;

fn main() {
    let listener: u16 = TcpListener::bind("127.0.0.1:8080");
}
