"""A family of wrong guarded servers: the third word names the bug."""
import hmac, os, socket, sys, threading, time

host, port, bug = sys.argv[1], int(sys.argv[2]), sys.argv[3]
token = os.environ.get("API_KEY", "")
if not token:
    if bug == "default_token":
        token = "secret"
    else:
        sys.exit("no token in API_KEY")
LIMIT, BURST, GUESSES = 100, 400, 5
lock = threading.Lock()
clients = 0
buckets = {}
known_to_all = []
failures = {}
kept = []
by_descriptor = {}
spinner = threading.Lock()


def log(event, detail=""):
    if bug == "no_log":
        return
    if bug != "forgeable_log":
        detail = ascii(detail)
    mode = "w" if bug == "new_log_at_start" and event == "started" else "a"
    with open("server_security.log", mode, newline="") as file:
        if bug == "events_on_two_lines":
            file.write("--\n")
        file.write(f"Event: {event} {detail}\n")


def too_fast(ip):
    ip = "all" if bug == "one_bucket_for_all" else ip
    requests, asked = buckets.get(ip, (BURST, time.monotonic()))
    now = time.monotonic()
    requests = min(BURST, requests + (now - asked) * 20) - 1
    buckets[ip] = requests, now
    return requests < 0 and bug != "no_rate_limit"


def right(guess):
    if bug == "no_token_is_enough" and not guess.strip():
        return True
    if bug == "prefix_is_enough":
        return token.startswith(guess) or guess.startswith(token)
    if bug == "any_letter_case":
        return guess.lower() == token.lower()
    return hmac.compare_digest(guess.encode("utf-8", "replace"), token.encode())


def answer(line, state, ip):
    counts = bug != "limits_auth_alone" or line.startswith(b"AUTH")
    if counts and too_fast(ip):
        return "ERROR 429 slow down"
    try:
        text = line.decode()
        only_ascii = bug == "takes_control_characters_from_127"
        if any(ord(char) < 32 or 127 <= ord(char) < 160 and not only_ascii for char in text):
            if bug != "control_characters":
                raise ValueError
    except ValueError:
        # A line may hold a token: no detail of it is logged.
        shown = bug == "logs_invalid_lines" or bug == "forgeable_log" and b"Event" in line
        log("invalid", line.decode(errors="replace") if shown else "")
        return "ERROR 400 characters"
    if bug == "control_characters" and state and text.startswith("ECHO "):
        return "OK " + text[5:]
    if bug == "no_token_is_enough" and text == "AUTH":
        text = "AUTH "
    if text.startswith("AUTH "):
        guess = text[5:]
        if bug == "first_word_is_enough":
            guess = guess.split(" ")[0]
        of = "all" if bug == "one_lock_for_all" else ip
        most = 1 if bug == "locks_after_one" else GUESSES
        looks = bug not in ("no_lock_out", "locks_at_the_door_only")
        if failures.get(of, 0) >= most and looks:
            log("locked out")
            if bug == "lock_lets_in":
                state.append(True)
            return "ERROR 423 locked"
        if right(guess):
            (known_to_all if bug == "one_for_all" else state).append(True)
            log("authenticated", guess if bug == "logs_the_token" else "")
            return "YES" if bug == "other_words" else "OK"
        failures[of] = failures.get(of, 0) + 1
        log("wrong token", guess if bug == "logs_guesses" else "")
        if bug == "wrong_token_lets_in":
            state.append(True)
        return f"ERROR 401 {guess}" if bug == "echoes_guesses" else "ERROR 401"
    if not state + known_to_all and bug != "obeys_strangers":
        return "ERROR 401 first AUTH"
    if text.startswith("ECHO "):
        return "OK " + (text[5:].strip() if bug == "trims" else text[5:])
    if text in ("TIME", "HELP", "QUIT"):
        return "OK"
    return "" if bug == "silent_errors" else "ERROR 404 unknown"


def serve(stream, ip):
    data, state = b"", []
    if bug == "knows_by_descriptor":
        state = by_descriptor.setdefault(stream.fileno(), [])
    stream.settimeout(30)
    while True:
        while b"\n" not in data:
            if len(data) > 4096 and bug != "endless_lines":
                stream.sendall(b"ERROR 413 too long\n")
                if bug == "goes_on_in_the_line":
                    data = b""
                    continue
                return
            more = stream.recv(4096)
            # The first one only: many of them would starve all that is right.
            if bug == "spins" and not more and spinner.acquire(blocking=False):
                while True:
                    pass
            if not more:
                if bug == "leaks":
                    kept.append(stream.dup())
                return
            if bug == "decodes_pieces":
                more = more.decode(errors="replace").encode()
            data += more
            if bug == "one_read" and b"\n" not in data:
                data += b"\n"
        line, data = data.split(b"\n", 1)
        if bug == "dies_of_an_empty_line" and not line.split():
            os._exit(1)
        if bug == "dies_of_echo_alone" and line == b"ECHO":
            os._exit(1)
        if bug == "one_line_a_read":
            data = b""
        reply = answer(line.removesuffix(b"\r"), state, ip)
        stream.sendall(reply.encode() + b"\n" if reply else b"")
        if line == b"QUIT" and reply == "OK" and bug != "quit_stays":
            return


def guarded(stream, ip):
    global clients
    try:
        serve(stream, ip)
    except ConnectionError:
        if bug == "dies_on_reset":
            os._exit(1)
        if bug == "keeps_places_of_resets":
            return
    except OSError:
        pass
    finally:
        stream.close()
    if bug != "keeps_places":
        with lock:
            clients -= 1


listener = socket.socket()
if bug != "no_reuseaddr":
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
try:
    listener.bind(("0.0.0.0" if bug == "all_interfaces" else host, port))
except OSError as error:
    print(error)
    sys.exit(0 if bug == "ignores_port_in_use" else 1)
listener.listen(128)
print("listening", flush=True)
log("started")
while True:
    try:
        stream, (ip, _) = listener.accept()
    except KeyboardInterrupt:
        if bug == "ignores_ctrl_c":
            continue
        break
    if bug == "one_at_a_time":
        clients += 1
        guarded(stream, ip)
        continue
    if bug == "locks_at_the_door_only" and failures.get(ip, 0) >= GUESSES:
        stream.close()
        continue
    if clients >= LIMIT and bug != "no_client_limit":
        stream.close()
        continue
    with lock:
        clients += 1
    threading.Thread(target=guarded, args=(stream, ip), daemon=True).start()
