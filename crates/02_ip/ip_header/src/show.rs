//! Printing a header, one field a line.

use ip_header::{
    Extension, Ipv4Header, Ipv6Header, dscp_name, ecn_name, option_name, protocol_name,
    to_hex,
};

/// Prints an IPv4 header; `given` is the length of what was given.
pub fn v4(header: &Ipv4Header, given: usize) {
    println!("Version:          4");
    println!("IHL:              {} ({} bytes)", header.ihl, header.len());
    println!(
        "DSCP:             {} ({})",
        header.dscp,
        dscp_name(header.dscp)
    );
    println!(
        "ECN:              {} ({})",
        header.ecn,
        ecn_name(header.ecn)
    );
    println!("Total length:     {}", header.total_length);
    let id = header.identification;
    println!("Identification:   {id:#06x} ({id})");
    println!("Flags:            {}", flags(header));
    println!(
        "Fragment offset:  {}",
        u32::from(header.fragment_offset) * 8
    );
    println!("TTL:              {}", header.ttl);
    let protocol = header.protocol;
    println!("Protocol:         {protocol} ({})", protocol_name(protocol));
    let (checksum, right) = (header.checksum, header.right_checksum);
    if header.checksum_good {
        println!("Checksum:         {checksum:#06x} (good)");
    } else {
        println!("Checksum:         {checksum:#06x} (bad, should be {right:#06x})");
    }
    println!("Source:           {}", header.source);
    println!("Destination:      {}", header.destination);
    for option in &header.options {
        let (kind, data) = (option.kind, to_hex(&option.data));
        let name = option_name(kind);
        println!("Option:           {kind} ({name}) {data}");
    }
    show_payload(
        usize::from(header.total_length) - header.len(),
        header.len(),
        given,
    );
}

fn flags(header: &Ipv4Header) -> String {
    let flags = [
        (header.reserved, "reserved"),
        (header.dont_fragment, "DF"),
        (header.more_fragments, "MF"),
    ];
    let set: Vec<&str> = flags.iter().filter(|f| f.0).map(|f| f.1).collect();
    if set.is_empty() {
        return "none".to_owned();
    }
    set.join(", ")
}

/// Prints an IPv6 header and its extension headers.
pub fn v6(header: &Ipv6Header, given: usize) {
    println!("Version:          6");
    println!(
        "DSCP:             {} ({})",
        header.dscp,
        dscp_name(header.dscp)
    );
    println!(
        "ECN:              {} ({})",
        header.ecn,
        ecn_name(header.ecn)
    );
    println!("Flow label:       {:#07x}", header.flow_label);
    println!("Payload length:   {}", header.payload_length);
    let next = header.next_header;
    println!("Next header:      {next} ({})", protocol_name(next));
    println!("Hop limit:        {}", header.hop_limit);
    println!("Source:           {}", header.source);
    println!("Destination:      {}", header.destination);
    for extension in &header.extensions {
        show_extension(extension);
    }
    let upper = header.upper_layer;
    println!("Upper layer:      {upper} ({})", protocol_name(upper));
    let payload = (usize::from(header.payload_length) + 40).saturating_sub(header.len());
    show_payload(payload, header.len(), given);
}

fn show_extension(extension: &Extension) {
    let (number, len) = (extension.number, extension.bytes.len());
    print!(
        "Extension:        {number} ({}), {len} bytes",
        protocol_name(number)
    );
    if let Some((offset, more, id)) = extension.fragment() {
        let more = if more { ", more follow" } else { ", last one" };
        print!(", offset {offset}{more}, identification {id:#010x}");
    }
    println!();
}

/// Says how long the payload is, and how much of it was given with the header.
fn show_payload(payload: usize, header: usize, given: usize) {
    let here = given.saturating_sub(header);
    match here.checked_sub(payload) {
        Some(0) => println!("Payload:          {payload} bytes"),
        // A short Ethernet frame is filled up to 60 bytes.
        Some(more) => {
            println!("Payload:          {payload} bytes, then {more} of padding")
        }
        None => println!("Payload:          {payload} bytes, {here} of them here"),
    }
}
