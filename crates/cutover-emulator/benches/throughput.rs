//! What the emulators cost: over sockets beside a bare server, in process, and at the start with many targets.
//!
//! The bare server is hyper with the same settings and constant bytes of the same size. Both are asked over the same
//! number of kept connections, in short blocks by turns, so that whatever else the machine does strikes both.

#![allow(clippy::print_stdout, reason = "a measurement is for the person who asked for it")]

use std::convert::Infallible;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::time::{Duration, Instant};

use base64::Engine as _;
use bytes::Bytes;
use cutover_emulator::server::{Listen, LocalVendors, Server};
use cutover_emulator::stytch::StytchKind;
use cutover_emulator::zitadel::{AppTarget, ZitadelTarget};
use cutover_emulator::{Emulator, Exchange, Request, Vendor};
use http_body_util::{BodyExt as _, Full};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

/// Connections that ask at the same time: enough that the server never waits for the client.
const CONNECTIONS: usize = 16;
/// Requests of a block, over all connections.
const BLOCK: usize = 3_200;
/// Blocks of either server.
const BLOCKS: usize = 21;
/// Steps in process, of each kind.
const STEPS: usize = 100_000;
/// Targets of each vendor at the start.
const TARGETS: usize = 100_000;

/// Tells this program to start with that many targets and to say what it took.
const START_WITH: &str = "CUTOVER_EMULATOR_BENCH_TARGETS";

/// Calls of one vendor that every connection makes again and again.
struct Calls {
    name: &'static str,
    vendor: Vendor,
    lines: Vec<Vec<Request>>,
}

fn main() {
    if let Some(targets) = std::env::var(START_WITH).ok().and_then(|text| text.parse().ok()) {
        return start_with(targets);
    }
    // `cargo test --benches` only wants to see that it runs.
    let measured = std::env::args().any(|arg| arg == "--bench");
    let scale = |number: usize| if measured { number } else { number.div_ceil(100) };

    // `-- process stytch` measures only that.
    let wanted: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with('-')).collect();
    let is_wanted = |part: &str, name: &str| wanted.iter().all(|word| part.contains(word) || name.contains(word));

    println!("over sockets: emulator / bare hyper server, requests a second, median of blocks by turns");
    let all = calls();
    for calls in all.iter().filter(|calls| is_wanted("sockets", calls.name)) {
        compare(calls, scale(BLOCKS), scale(BLOCK));
    }

    println!("in process: steps a second");
    for calls in all.iter().filter(|calls| is_wanted("process", calls.name)) {
        in_process(calls, scale(STEPS));
    }

    println!("at the start: time until every port is open, and the most memory the process ever had");
    for targets in [0, 100, 10_000, TARGETS].map(scale).into_iter().filter(|_| is_wanted("start", "")) {
        let program = std::env::current_exe().expect("this program");
        let output = Command::new(program).env(START_WITH, targets.to_string()).output().expect("a child");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        print!("{}", String::from_utf8_lossy(&output.stdout));
    }
}

/// What is asked: every vendor's rotation, and a read of each. Every connection has a target of its own.
fn calls() -> Vec<Calls> {
    // Three kinds at Zitadel, two at Stytch.
    let seeds = emulator().seeds();
    let basic = |user: &str, password: &str| {
        format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}")))
    };
    let lines = |of: &dyn Fn(usize) -> Vec<Request>| (0..CONNECTIONS).map(of).collect::<Vec<_>>();

    let project = basic(&seeds.stytch.project_id, seeds.stytch.secret.expose());
    let m2m: Vec<_> = seeds.stytch.targets.iter().filter(|target| target.kind == StytchKind::M2m).collect();
    let stytch = |nth: usize, method, rest: &str| {
        request(method, &format!("/v1/m2m/clients/{}{rest}", m2m[nth].client_id), &project, "")
    };
    let start_and_cancel =
        |nth| vec![stytch(nth, "POST", "/secrets/rotate/start"), stytch(nth, "POST", "/secrets/rotate/cancel")];

    let key = format!("Bearer {}", seeds.hopae.api_key.expose());
    let hopae = |nth: usize, method, rest: &str| {
        request(method, &format!("/connect/v1/apps/{}{rest}", seeds.hopae.targets[nth].client_id), &key, "")
    };

    let token = format!("Bearer {}", seeds.zitadel.token.expose());
    let apis: Vec<_> = seeds.zitadel.targets.iter().filter_map(api).collect();
    let zitadel = |nth: usize, method, rest: &str, sent| {
        let path = format!("/management/v1/projects/{}/apps/{}{rest}", apis[nth].project_id, apis[nth].app_id);
        request(method, &path, &token, sent)
    };
    let generate = |nth| vec![zitadel(nth, "POST", "/api_config/_generate_client_secret", "{}")];
    let introspect = |nth: usize| {
        let credentials = basic(&apis[nth].client_id, apis[nth].client_secret.expose());
        vec![request("POST", "/oauth/v2/introspect", &credentials, "token=anything")]
    };

    let calls = |name, vendor, lines| Calls { name, vendor, lines };
    vec![
        calls("stytch get", Vendor::Stytch, lines(&|nth| vec![stytch(nth, "GET", "")])),
        calls("stytch start, cancel", Vendor::Stytch, lines(&start_and_cancel)),
        calls("hopae get", Vendor::Hopae, lines(&|nth| vec![hopae(nth, "GET", "")])),
        calls("hopae rotate", Vendor::Hopae, lines(&|nth| vec![hopae(nth, "POST", "/rotate-client-secret")])),
        calls("zitadel get", Vendor::Zitadel, lines(&|nth| vec![zitadel(nth, "GET", "", "")])),
        calls("zitadel generate", Vendor::Zitadel, lines(&generate)),
        calls("zitadel introspect", Vendor::Zitadel, lines(&introspect)),
    ]
}

fn api(target: &ZitadelTarget) -> Option<&AppTarget> {
    match target {
        ZitadelTarget::Api(app) => Some(app),
        ZitadelTarget::Oidc(_) | ZitadelTarget::MachineUser(_) => None,
    }
}

/// The emulator that `calls` are for.
fn emulator() -> Emulator {
    Emulator::builder().targets(CONNECTIONS * 3).build()
}

fn request(method: &str, path: &str, authorization: &str, sent: &str) -> Request {
    http::Request::builder()
        .method(method)
        .uri(path)
        .header("host", "localhost")
        .header("authorization", authorization)
        .body(Bytes::copy_from_slice(sent.as_bytes()))
        .expect("a request")
}

fn compare(calls: &Calls, blocks: usize, block: usize) {
    let vendors = LocalVendors::serve(emulator()).expect("ports");
    let emulated: SocketAddr = {
        let url = vendors.base_url(calls.vendor);
        url.trim_start_matches("http://").split('/').next().expect("a host").parse().expect("an address")
    };
    let lines = |address| calls.lines.iter().map(|requests| Line::to(address, requests)).collect::<Vec<_>>();
    let mut to_emulated = lines(emulated);
    // Whitespace is odd and so are lengths.
    let size = ask(&mut to_emulated, block);
    let mut to_bare = lines(serve_bare(size));
    ask(&mut to_bare, block);
    let threads = Thread::named("emulated-vendor").zip(Thread::named("bare-server"));
    let (mut of_emulated, mut of_bare) = (Vec::new(), Vec::new());
    for _ in 0..blocks {
        of_emulated.push(rate(&mut to_emulated, block));
        of_bare.push(rate(&mut to_bare, block));
    }
    let (emulated, bare) = (median(&mut of_emulated), median(&mut of_bare));
    let ratio = emulated / bare;
    print!("  {:21}{size:>5} bytes  emulator {emulated:>6.0}  bare {bare:>6.0}  ratio {ratio:.2}", calls.name);
    let requests = (blocks * block) as f64;
    match threads.map(|(emulator, bare)| (emulator.busy().div_f64(requests), bare.busy().div_f64(requests))) {
        Some((emulated, bare)) => {
            let ratio = bare.as_secs_f64() / emulated.as_secs_f64();
            println!("  processor {emulated:>6.1?} {bare:>6.1?}  ratio {ratio:.2}");
        }
        None => println!(),
    }
}

fn in_process(calls: &Calls, steps: usize) {
    let emulator = emulator();
    let thread = Thread::this();
    let begun = now();
    for nth in 0..steps {
        let requests = &calls.lines[nth % calls.lines.len()];
        let request = requests[nth / calls.lines.len() % requests.len()].clone();
        let exchange = emulator.exchange(calls.vendor, request);
        assert!(matches!(exchange, Exchange::Answer(_)));
    }
    let (wall, busy) = (begun.elapsed(), thread.map(|thread| thread.busy()));
    let rate = |time: Duration| steps as f64 / time.as_secs_f64();
    print!("  {:22} {:>9.0}", calls.name, rate(wall));
    println!("{}", busy.map_or(String::new(), |busy| format!("  of the processor's {:>9.0}", rate(busy))));
}

/// The child's part of the measurement at the start.
fn start_with(targets: usize) {
    let begun = now();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let emulator = Emulator::builder().targets(targets).build();
    let server = runtime.block_on(Server::start(emulator, Listen::default())).expect("ports");
    let started = begun.elapsed();
    let memory = most_memory();
    let written = now();
    let length = server.description().to_json().len();
    let written = written.elapsed();
    println!(
        "  {targets:>7} targets a vendor  {started:>10.1?}  {memory}; described in {written:.1?} ({} MB), then {}",
        length / 1_000_000,
        most_memory()
    );
}

/// The most memory that this process has had, as the system says it.
fn most_memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<f64>().ok());
    kilobytes.map_or_else(|| "memory not known here".to_owned(), |kilobytes| format!("{:.1} MB", kilobytes / 1000.0))
}

/// A thread of this process, and the time it had spent when it was looked at.
struct Thread {
    file: std::path::PathBuf,
    before: Duration,
}

impl Thread {
    /// The latest thread of that name; `None` where the system does not say what threads do.
    fn named(name: &str) -> Option<Self> {
        let threads = std::fs::read_dir("/proc/self/task").ok()?.flatten().map(|entry| entry.path());
        let is_named = |path: &std::path::PathBuf| {
            std::fs::read_to_string(path.join("comm")).is_ok_and(|found| found.trim() == name)
        };
        let mut found: Vec<_> = threads.filter(is_named).map(|path| path.join("schedstat")).collect();
        // Thread ids rise; a text of more digits is the later one.
        found.sort_by_key(|path| (path.as_os_str().len(), path.clone()));
        let file = found.pop()?;
        let before = spent(&file)?;
        Some(Self { file, before })
    }

    fn this() -> Option<Self> {
        let file = std::path::PathBuf::from("/proc/thread-self/schedstat");
        let before = spent(&file)?;
        Some(Self { file, before })
    }

    fn busy(&self) -> Duration {
        spent(&self.file).unwrap_or_default().saturating_sub(self.before)
    }
}

/// The processor time of a thread, whoever else the machine worked for meanwhile.
fn spent(file: &std::path::Path) -> Option<Duration> {
    let text = std::fs::read_to_string(file).ok()?;
    text.split(' ').next()?.parse().ok().map(Duration::from_nanos)
}

/// A kept connection that is asked without ever sleeping: a server that has to wake its client pays for that.
struct Line {
    stream: TcpStream,
    buffer: Vec<u8>,
    messages: Vec<Bytes>,
    asked: usize,
}

impl Line {
    fn to(address: SocketAddr, requests: &[Request]) -> Self {
        let stream = TcpStream::connect(address).expect("a connection");
        stream.set_nodelay(true).expect("a socket");
        stream.set_nonblocking(true).expect("a socket");
        let messages = requests.iter().map(message).collect();
        Self { stream, buffer: Vec::with_capacity(16 * 1024), messages, asked: 0 }
    }

    /// Sends the next request.
    fn ask(&mut self) {
        self.buffer.clear();
        self.stream.write_all(&self.messages[self.asked % self.messages.len()]).expect("room in the socket");
        self.asked += 1;
    }

    /// The length of the answer's body, once it is whole.
    fn answered(&mut self) -> Option<usize> {
        let mut bytes = [0; 16 * 1024];
        match self.stream.read(&mut bytes) {
            Ok(read) if read != 0 => self.buffer.extend_from_slice(&bytes[..read]),
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => return None,
            ended => panic!("no answer but {ended:?}"),
        }
        let (head, body) = parts(&self.buffer)?;
        (head + body <= self.buffer.len()).then_some(body)
    }
}

/// The lengths of an answer's head and body, once the head is there.
fn parts(bytes: &[u8]) -> Option<(usize, usize)> {
    const LENGTH: &[u8] = b"content-length: ";
    let head = bytes.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let at = bytes[..head].windows(LENGTH.len()).position(|window| window == LENGTH)? + LENGTH.len();
    let digits = bytes[at..].iter().take_while(|byte| byte.is_ascii_digit());
    Some((head, digits.fold(0, |number, digit| number * 10 + usize::from(digit - b'0'))))
}

/// Asks over all connections at once until `requests` are answered, and gives the bodies' mean length.
fn ask(lines: &mut [Line], requests: usize) -> usize {
    lines.iter_mut().for_each(Line::ask);
    let (mut asked, mut answered, mut length) = (lines.len(), 0, 0);
    while answered < requests {
        for line in lines.iter_mut() {
            if let Some(body) = line.answered() {
                (answered, length) = (answered + 1, length + body);
                if asked < requests {
                    line.ask();
                    asked += 1;
                }
            }
        }
    }
    length / requests
}

/// Requests a second.
fn rate(lines: &mut [Line], requests: usize) -> f64 {
    let begun = now();
    ask(lines, requests);
    requests as f64 / begun.elapsed().as_secs_f64()
}

/// Answers everything with `size` bytes, from a thread of its own, for as long as this process lives.
fn serve_bare(size: usize) -> SocketAddr {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.set_nonblocking(true).expect("a socket");
    let address = listener.local_addr().expect("an address");
    let body = Bytes::from(vec![b' '; size]);
    let thread = std::thread::Builder::new().name("bare-server".to_owned());
    let serving = thread.spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async move {
            let listener = TcpListener::from_std(listener).expect("a listener");
            while let Ok((stream, _)) = listener.accept().await {
                stream.set_nodelay(true).expect("a socket");
                let body = body.clone();
                let service = service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
                    let body = body.clone();
                    async move {
                        let _read = request.into_body().collect().await;
                        let answer = hyper::Response::builder().header("content-type", "application/json");
                        Ok::<_, Infallible>(answer.body(Full::new(body)).expect("an answer"))
                    }
                });
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
            }
        });
    });
    drop(serving.expect("a thread"));
    address
}

fn message(request: &Request) -> Bytes {
    let mut message = format!("{} {} HTTP/1.1\r\n", request.method(), request.uri());
    for (name, value) in request.headers() {
        message.push_str(&format!("{name}: {}\r\n", value.to_str().expect("text")));
    }
    message.push_str(&format!("content-length: {}\r\n\r\n", request.body().len()));
    let mut bytes = message.into_bytes();
    bytes.extend_from_slice(request.body());
    bytes.into()
}

fn median(samples: &mut [f64]) -> f64 {
    samples.sort_unstable_by(f64::total_cmp);
    samples[samples.len() / 2]
}

#[allow(clippy::disallowed_methods, reason = "a measurement is about the machine's own clock")]
fn now() -> Instant {
    Instant::now()
}
