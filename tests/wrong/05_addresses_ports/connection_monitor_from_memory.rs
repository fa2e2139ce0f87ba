//! Shows sockets that were there when it was written.
fn main() {
    println!("tcp LISTEN 127.0.0.1:8080 0.0.0.0:* tcp_server (1234)");
    println!("tcp ESTAB 127.0.0.1:8080 127.0.0.1:50000 tcp_server (1234)");
}
