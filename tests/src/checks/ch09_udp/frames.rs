//! frame_receiver and frame_sender.

use super::*;

const FRAMES: &str = "labs/09_udp.md#step-7-a-stream-through-a-bad-network";
const HINTS_FRAMES: &[&str] = &[
    "A stream is many datagrams at a steady pace, each with its number.",
    "Send all frames, whether somebody listens or not, and end with status 0.",
    "In a loop over the numbers: write the number into the frame (to_be_bytes, \
     struct.pack in Python), send_to, sleep until the next frame is due. An error of \
     send_to does not end the loop.",
];

pub(super) fn checks() -> Vec<Check> {
    vec![
        Check::new(
            "frame_receiver.listens",
            "has a UDP socket on the host and port that it is given",
            listens,
        )
        .sheet(FRAMES)
        .hints(HINTS_LISTENS)
        .by_hand("ss -uln | grep 5004"),
        Check::new(
            "frame_receiver.survives_noise",
            "goes on after datagrams that are no frames",
            |exam| {
                let mut receiver = exam.udp_server()?;
                let sender = exam.udp()?;
                for noise in [&b""[..], b"\xff\xfe\x80", b"FRM1", &exam.bytes(2000)] {
                    sender.send_to(noise, receiver.addr())?;
                }
                match receiver.wait_exit(Duration::from_millis(500)) {
                    Ok(exit) => Err(Failure::new("it runs on", exit.to_string()).into()),
                    Err(_) => Ok(()), // It did not end, as it should.
                }
            },
        )
        .needs(&["frame_receiver.listens"])
        .sheet(FRAMES)
        .hints(HINTS_BYTES)
        .by_hand("printf '\\377' | nc -u -q 0 127.0.0.1 5004")
        .timing(),
        Check::new(
            "frame_sender.sends_a_stream",
            "sends a stream of different frames and ends with status 0",
            |exam| {
                let receiver = exam.udp()?;
                let mut sender = exam.client(receiver.addr()?)?;
                let mut frames = Vec::new();
                for _ in 0..10 {
                    frames.push(receiver.receive_within(START_TIME)?.0);
                }
                if frames.windows(2).any(|pair| pair.first() == pair.last()) {
                    let expected = "each frame has its own number";
                    return Err(Failure::new(expected, "two frames are alike").into());
                }
                ends_well(&mut sender)
            },
        )
        .sheet(FRAMES)
        .hints(HINTS_FRAMES)
        .by_hand("cargo run -p frame_sender"),
    ]
}
