"""Compares the course's tools with tools and libraries that others wrote.

Called by tests/tests/suite/ch_tools.rs: tools_agree.py CASE SEED PROGRAM...
"""
import ipaddress
import os
import random
import re
import socket
import struct
import subprocess
import sys
import tempfile
import time

case, seed, programs = sys.argv[1], int(sys.argv[2]), sys.argv[3:]
in_full = "SOCKET_LABS_ALL" in os.environ
rng = random.Random(seed)


def run(*words, **more):
    done = subprocess.run(words, capture_output=True, text=True, **{"timeout": 120, **more})
    assert done.returncode == 0, (words, done.stdout, done.stderr)
    return done.stdout


def facts(text):
    return [(name.strip(), value.strip()) for name, _, value in (line.partition(":") for line in text.splitlines())]


def subnets():
    prefixes = []
    for number in range(3_000):
        if number % 3:
            prefixes.append(f"{ipaddress.IPv4Address(rng.getrandbits(32))}/{rng.randint(0, 32)}")
        else:
            prefixes.append(f"{ipaddress.IPv6Address(rng.getrandbits(128))}/{rng.randint(0, 128)}")
    output = run(programs[0], "-", input="\n".join(prefixes))
    blocks = output.strip().split("\n\n")
    assert len(blocks) == len(prefixes), len(blocks)
    for prefix, block in zip(prefixes, blocks):
        said = dict(facts(block))
        network = ipaddress.ip_interface(prefix).network
        assert ipaddress.ip_network(said["Network"]) == network, (prefix, block)
        assert ipaddress.ip_address(said["Netmask"]) == network.netmask, (prefix, block)
        assert ipaddress.ip_address(said["Wildcard"]) == network.hostmask, (prefix, block)
        assert int(said["Addresses"]) == network.num_addresses, (prefix, block)
        if network.version == 4 and network.prefixlen <= 30:
            assert ipaddress.ip_address(said["Broadcast"]) == network.broadcast_address, (prefix, block)
        first, last = (ipaddress.ip_address(said[name]) for name in ("First host", "Last host"))
        if network.num_addresses <= 4096:
            hosts = list(network.hosts())
            assert (first, last, int(said["Hosts"])) == (hosts[0], hosts[-1], len(hosts)), (prefix, block)


def checksum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def packet_v4():
    options = rng.choice([b"", b"", b"\x94\x04\0\0", b"\1\1\1\0", b"\x07\x0b\x08" + rng.randbytes(8) + b"\0",
                          b"\x44\x0c\x05\0" + rng.randbytes(8)])
    payload = rng.randbytes(rng.randint(0, 63))
    field = rng.choice([0, 0x4000, 0x2000 | rng.randint(0, 999), rng.randint(1, 999)])
    header = struct.pack("!BBHHHBBH", 0x45 + len(options) // 4, rng.getrandbits(8), 20 + len(options) + len(payload),
                         rng.getrandbits(16), field, rng.randint(1, 255), rng.choice([253, 254]), 0)
    header += rng.randbytes(8) + options
    check = checksum(header) if rng.random() < 0.7 else rng.getrandbits(16)
    return header[:10] + struct.pack("!H", check) + header[12:] + payload


def packet_v6():
    rest, number = rng.randbytes(rng.randint(0, 63)), rng.choice([253, 254])
    for kind in rng.sample([60, 44, 43], rng.randint(0, 3)):
        if kind == 44:
            rest = struct.pack("!BBHI", number, 0, 1, rng.getrandbits(32)) + rest
        elif kind == 43:
            rest = struct.pack("!BBBBI", number, 0, 253, 0, 0) + rest
        else:
            words = rng.randint(0, 2)
            rest = struct.pack("!BBBB", number, words, 1, 4 + words * 8) + bytes(4 + words * 8) + rest
        number = kind
    first = 6 << 28 | rng.getrandbits(28)
    return struct.pack("!IHBB", first, len(rest), number, rng.randint(1, 255)) + rng.randbytes(32) + rest


def write_pcap(path, packets):
    with open(path, "wb") as file:
        file.write(struct.pack("!IHHIIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 101))  # raw IP
        for packet in packets:
            file.write(struct.pack("!IIII", 1, 0, len(packet), len(packet)) + packet)


def tshark(path, *fields):
    words = ["tshark", "-r", path, "-T", "fields", "-E", "separator=|", "-o", "ip.check_checksum:TRUE",
             "-o", "ip.defragment:FALSE", "-o", "ipv6.defragment:FALSE", "-o", "tcp.check_checksum:TRUE",
             "-o", "udp.check_checksum:TRUE"]
    for field in fields:
        words += ["-e", field]
    return [line.split("|") for line in run(*words).splitlines()]


def headers():
    path = os.path.join(tempfile.mkdtemp(), "corpus.pcap")
    of_each = 150 if in_full else 50
    packets = [packet_v4() for _ in range(of_each)] + [packet_v6() for _ in range(of_each)]
    write_pcap(path, packets)
    v4 = ("ip.hdr_len", "ip.dsfield.dscp", "ip.dsfield.ecn", "ip.len", "ip.id", "ip.flags.df", "ip.flags.mf",
          "ip.frag_offset", "ip.ttl", "ip.proto", "ip.checksum", "ip.checksum.status", "ip.src", "ip.dst", "ip.opt.type")
    v6 = ("ipv6.tclass.dscp", "ipv6.tclass.ecn", "ipv6.flow", "ipv6.plen", "ipv6.nxt", "ipv6.hlim", "ipv6.src",
          "ipv6.dst", "ipv6.fraghdr.offset", "ipv6.fraghdr.ident")
    rows = tshark(path, *v4, *v6)
    assert len(rows) == len(packets)
    for packet, row in zip(packets, rows):
        output = run(programs[0], packet.hex())
        lines = facts(output)
        said = dict(lines)
        number = lambda name: int(said[name].split()[0], 0)
        where = (packet.hex(), output, row)
        if packet[0] >> 4 == 4:
            size, dscp, ecn, length, ident, df, mf, offset, ttl, proto, check, status, src, dst, _ = row[:15]
            flag = lambda text: text in ("1", "True")
            assert number("IHL") * 4 == int(size), where
            assert (number("DSCP"), number("ECN")) == (int(dscp), int(ecn)), where
            assert (number("Total length"), number("Identification")) == (int(length), int(ident, 0)), where
            assert ("DF" in said["Flags"], "MF" in said["Flags"]) == (flag(df), flag(mf)), where
            # In bytes; older and newer Wiresharks differ in whether this field is too.
            assert number("Fragment offset") in (int(offset), int(offset) * 8), where
            assert (number("TTL"), number("Protocol")) == (int(ttl), int(proto)), where
            assert number("Checksum") == int(check, 0), where
            assert ("(good)" in said["Checksum"]) == (status == "1"), where
            assert (said["Source"], said["Destination"]) == (src, dst), where
        else:
            dscp, ecn, flow, length, nxt, hops, src, dst, offset, ident = row[15:25]
            assert (number("DSCP"), number("ECN")) == (int(dscp), int(ecn)), where
            assert number("Flow label") == int(flow, 0), where
            assert (number("Payload length"), number("Hop limit")) == (int(length), int(hops)), where
            assert number("Next header") == int(nxt.split(",")[0]), where
            for name, value in (("Source", src), ("Destination", dst)):
                assert ipaddress.ip_address(said[name]) == ipaddress.ip_address(value), where
            chain = [int(value.split()[0]) for name, value in lines if name == "Extension"]
            assert ("44" in map(str, chain)) == (ident != ""), where
            if ident:
                shown = next(value for name, value in lines if name == "Extension" and value.startswith("44"))
                assert f"identification 0x{int(ident, 0):08x}" in shown, where


def count_of(pcap):
    """How many frames are in the file: each has a header of 16 bytes with its length."""
    at, count = 24, 0
    while at < len(pcap):
        at += 16 + struct.unpack_from(">I", pcap, at + 8)[0]
        count += 1
    return count


def frames():
    path = os.path.join(tempfile.mkdtemp(), "frames.pcap")
    cases, whole = [], b""
    for number in range(24):
        v6 = number % 3 == 0
        ends = [f"[2001:db8::{rng.randint(1, 9999):x}]" if v6 else str(ipaddress.IPv4Address(rng.getrandbits(30) + 1))
                for _ in range(2)]
        ports = [rng.randint(40000, 60000) for _ in range(2)]
        protocol = rng.choice(["tcp", "udp"])
        length = rng.choice([0, 1, 2, 3, 100, 101, 1400, 1401])
        mtu = rng.choice([1280, 1500, 65535])
        run(programs[0], "x" * length, "--protocol", protocol, "--from", f"{ends[0]}:{ports[0]}", "--to",
            f"{ends[1]}:{ports[1]}", "--mtu", str(mtu), "--pcap", path)
        with open(path, "rb") as file:
            data = file.read()
        whole = whole or data[:24]  # The file's own header once, the frames of all after it.
        whole += data[24:]
        cases.append((count_of(data), v6, ends, ports, protocol, length, mtu))
    with open(path, "wb") as file:
        file.write(whole)
    texts = re.split(r"^(?=Frame \d+:)", run("tshark", "-r", path, "-V", "-o", "ip.check_checksum:TRUE", "-o",
                     "tcp.check_checksum:TRUE", "-o", "udp.check_checksum:TRUE"), flags=re.M)[1:]
    assert len(texts) == sum(count for count, *_ in cases), len(texts)
    # What it makes of the bytes inside depends on whose port it takes a random one for.
    texts = [text.split(" payload (")[0] for text in texts]
    for count, v6, ends, ports, protocol, length, mtu in cases:
        text = "".join(texts[:count])
        del texts[:count]
        where = (ends, protocol, length, mtu, text)
        assert "Malformed" not in text and "Status: Bad" not in text and "status: Bad" not in text, where
        assert "[Checksum Status: Good]" in text, where
        assert v6 or "[Header checksum status: Good]" in text, where
        assert f"Source Port: {ports[0]}" in text and f"Destination Port: {ports[1]}" in text, where


def sockets():
    kept = []
    for family, host in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
        listener = socket.create_server((host, 0), family=family)
        client = socket.create_connection(listener.getsockname()[:2])
        peer, _ = listener.accept()
        half = socket.create_connection(listener.getsockname()[:2])
        closed, _ = listener.accept()
        half.close()
        datagrams = socket.socket(family, socket.SOCK_DGRAM)
        datagrams.bind((host, 0))
        kept += [listener, client, peer, closed, datagrams]
    ports = {sock.getsockname()[1] for sock in kept}

    def ours(state, local, peer, process):
        port = lambda text: text.rsplit(":", 1)[1]
        if {port(local), port(peer)} & {str(number) for number in ports}:
            return (state, local, peer, str(os.getpid()) in process)

    def rows(fields, *words, head=0):
        lines = run(*words).splitlines()[head:]
        return {ours(*fields(line)) for line in lines} - {None}

    def of_ss(line):
        _, state, _, _, local, peer, *process = line.split(None, 6)
        return state, local, peer, "".join(process)

    def of_monitor(line):
        _, state, local, peer, *process = line.split(None, 4)
        return state, local, peer, "".join(process)

    # A connection that is being closed may pass from one state to the next meanwhile: they
    # are compared when ss says the same before and after.
    for _ in range(50):
        before = rows(of_ss, "ss", "-tunapH")
        monitor = rows(of_monitor, programs[0], head=1)
        ss = rows(of_ss, "ss", "-tunapH")
        if before == ss:
            break
    assert before == ss, sorted(map(str, before ^ ss))
    assert monitor == ss, sorted(map(str, monitor ^ ss))
    assert len(ss) > 8, ss


def names():
    hosts = os.path.join(tempfile.mkdtemp(), "hosts")
    with open(hosts, "w") as file:
        file.write("127.0.0.1 localhost\n::1 localhost\n10.1.2.3 one.test\n10.1.2.4 two.test\n10.1.2.5 two.test\n"
                   "2001:db8::7 six.test\n")
    # A mount namespace of our own, in which this is the hosts file.
    def inside(*words):
        return run("unshare", "-rm", "sh", "-c", f'mount --bind {hosts} /etc/hosts && exec "$@"', "sh", *words)

    for name in ("localhost", "one.test", "two.test", "six.test", "127.0.0.1", "::1"):
        ours = {value for key, value in facts(inside(programs[0], name)) if key in ("IPv4", "IPv6")}
        theirs = set()
        for database in ("ahostsv4", "ahostsv6"):
            done = subprocess.run(["unshare", "-rm", "sh", "-c", f'mount --bind {hosts} /etc/hosts && exec getent {database} {name}'],
                                  capture_output=True, text=True)
            theirs |= {line.split()[0] for line in done.stdout.splitlines()}
        # getent maps IPv4 addresses into IPv6 where a name has no other.
        theirs = {address for address in theirs if not address.startswith("::ffff:")}
        assert ours == theirs, (name, ours, theirs, done.stderr)


def listening():
    """The kernel's own table: state 0A is LISTEN."""
    with open("/proc/net/tcp") as table:
        rows = [line.split() for line in table.readlines()[1:]]
    return {int(row[1].split(":")[1], 16) for row in rows if row[3] == "0A"}


def scan():
    # Some on ports that the kernel gives to the scanner's own ends too.
    kept = []
    for port in (1, 65535, *(rng.randint(2, 65534) for _ in range(20))):
        try:
            kept.append(socket.create_server(("127.0.0.1", port)))
        except OSError:
            pass
    ours = []
    for number in range(20 if in_full else 1):
        began = time.monotonic()
        output = run(programs[0], "127.0.0.1", "--ports", "1-65535")
        ours.append(time.monotonic() - began)
        found = [int(port) for port in re.findall(r"^(\d+) open ", output, re.M)]
        assert found == sorted(listening()), (number, set(found) ^ listening())
        assert f"\n{len(found)} open, {65535 - len(found)} closed, 0 filtered\n" in output, output
    # nmap needs longer for a port. In a quick run it looks at the first and the last ones.
    first, last = (32767, 32768) if in_full else (8192, 57344)
    began = time.monotonic()
    output = run("nmap", "-n", "-Pn", "-sT", f"-p1-{first},{last}-65535", "-oG", "-", "127.0.0.1", timeout=900)
    ratio = (time.monotonic() - began) / sorted(ours)[len(ours) // 2]
    open_ports = [int(port) for port in re.findall(r"(\d+)/open/tcp", output)]
    assert open_ports == [port for port in found if not first < port < last], (output, found)
    if in_full:
        print(f"{ratio:.2f} times as fast as nmap")

    # On a terminal it shows how far it is.
    terminal, inside = os.openpty()
    process = subprocess.Popen([programs[0], "127.0.0.1", "--ports", "1-10000"], stdout=subprocess.DEVNULL,
                               stderr=inside, env={**os.environ, "TERM": "xterm"})
    os.close(inside)
    shown = b""
    try:
        while data := os.read(terminal, 4096):
            shown += data
    except OSError:
        pass  # The other end is closed.
    assert process.wait(60) == 0
    assert re.search(rb"\d+/10000 ports", shown), shown[:400]


def filtered():
    # A network of our own, whose other hosts are nowhere: what is sent to them is lost without a word.
    for words in ("link add v0 type veth peer name v1", "link set v0 up", "link set v1 up", "addr add 10.9.9.1/24 dev v0",
                  "neigh add 10.9.9.2 lladdr 02:00:00:00:00:09 dev v0 nud permanent"):
        run("ip", *words.split())
    for more, limit in ((), 256), (("--workers", "512"), 512):
        began = time.monotonic()
        process = subprocess.Popen([programs[0], "10.9.9.2", "--ports", "1-2000", "--timeout", "500", *more],
                                   stdout=subprocess.PIPE, text=True)
        most = 0
        while process.poll() is None:
            assert time.monotonic() - began < 60, "it does not end"
            try:
                most = max(most, len(os.listdir(f"/proc/{process.pid}/fd")))
            except OSError:
                pass  # It has just ended.
            time.sleep(0.02)
        output = process.stdout.read()
        assert "0 open, 0 closed, 2000 filtered" in output, output
        # 2000 ports, so many at a time, half a second each.
        assert time.monotonic() - began > 2000 / limit * 0.5 - 0.5, "it did not wait for its timeout"
        # Beside its sockets it has the three standard streams.
        assert limit // 2 < most <= limit + 3, f"{most} open files"


{"subnets": subnets, "headers": headers, "frames": frames, "sockets": sockets, "names": names, "scan": scan,
 "filtered": filtered}[case]()
