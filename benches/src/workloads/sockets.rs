//! Sockets: TCP echo under an epoll client, and HTTP under a second process.

use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response, server::conn::http1};
use tokio::sync::oneshot;

use super::Setting;
use crate::clients::{MESSAGE_BUFFER, echo::EchoClient, http};
use crate::measure::{Pass, nanoseconds, process_cpu};
use crate::runtimes::{Listener, Runtime, Stream, Tasks, raw};

/// Echoes over one connection.
pub fn echo_1<R: Runtime>(runtime: &R, setting: &Setting) -> Vec<Pass> {
    echo(runtime, setting, 1, 4_000)
}

/// Echoes over 64 connections.
pub fn echo_64<R: Runtime>(runtime: &R, setting: &Setting) -> Vec<Pass> {
    echo(runtime, setting, 64, 12_800)
}

/// Echoes over 1000 connections.
pub fn echo_1000<R: Runtime>(runtime: &R, setting: &Setting) -> Vec<Pass> {
    echo(runtime, setting, 1_000, 16_000)
}

fn echo<R: Runtime>(
    runtime: &R,
    setting: &Setting,
    connections: usize,
    echoes: usize,
) -> Vec<Pass> {
    let (connections, echoes) = (setting.connections(connections), setting.size(echoes));
    let (listener, address) = listen().expect("a loopback port is free");
    let tasks = runtime.tasks();
    let server = runtime.spawn_from_outside(async move {
        let listener = tasks
            .listen(listener)
            .expect("the listener can be registered");
        let mut serving = Vec::with_capacity(connections);
        for _ in 0..connections {
            let stream = listener.accept().await.expect("the client connects");
            serving.push(tasks.spawn(serve_echo(stream)));
        }
        for task in serving {
            task.await.expect("the client ends in order");
        }
    });
    let passes = load(address, connections, echoes, setting);
    runtime.block_on(server);
    passes
}

async fn serve_echo<S: Stream>(mut stream: S) -> io::Result<()> {
    let mut buffer = [0; MESSAGE_BUFFER];
    loop {
        let length = stream.read(&mut buffer).await?;
        if length == 0 {
            return Ok(());
        }
        stream.write_all(&buffer[..length]).await?;
    }
}

/// The floor under [`echo_1`].
pub fn raw_1(setting: &Setting) -> Vec<Pass> {
    raw_echo(setting, 1, 4_000)
}

/// The floor under [`echo_64`].
pub fn raw_64(setting: &Setting) -> Vec<Pass> {
    raw_echo(setting, 64, 12_800)
}

/// The floor under [`echo_1000`].
pub fn raw_1000(setting: &Setting) -> Vec<Pass> {
    raw_echo(setting, 1_000, 16_000)
}

fn raw_echo(setting: &Setting, connections: usize, echoes: usize) -> Vec<Pass> {
    let (connections, echoes) = (setting.connections(connections), setting.size(echoes));
    let (listener, address) = listen().expect("a loopback port is free");
    let server = raw::echo_server(listener, connections);
    let passes = load(address, connections, echoes, setting);
    server
        .join()
        .expect("the raw server ends")
        .expect("the raw server works");
    passes
}

fn listen() -> io::Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}

fn load(address: SocketAddr, connections: usize, echoes: usize, setting: &Setting) -> Vec<Pass> {
    let mut client = EchoClient::connect(address, connections).expect("the server accepts");
    setting.repeat(|| client.run(echoes).expect("the server echoes"))
}

/// HTTP/1.1 "hello" by hyper over 64 keep-alive connections from a second process.
pub fn http_hello<R: Runtime>(runtime: &R, setting: &Setting) -> Vec<Pass> {
    let connections = 64;
    let (listener, address) = listen().expect("a loopback port is free");
    let (stop, stopped) = oneshot::channel::<()>();
    let open = Arc::new(());
    let tasks = runtime.tasks();
    let server = runtime.spawn_from_outside({
        let open = open.clone();
        async move {
            let listener = tasks
                .listen(listener)
                .expect("the listener can be registered");
            let accepting = accept_http(tasks, &listener, open);
            let stopping = async {
                let _ = stopped.await;
            };
            smol::future::or(accepting, stopping).await;
        }
    });
    let duration = Duration::from_millis(if setting.smoke { 100 } else { 1_000 });
    // One run of the client is thousands of requests, so the first of them need no extra pass.
    let pass = || {
        let (cpu, start) = (process_cpu(), Instant::now());
        let load = http::load(address, connections, duration).expect("the requests are answered");
        let figure = nanoseconds(start.elapsed());
        Pass {
            units: load.requests as f64,
            figure,
            cpu: nanoseconds(process_cpu() - cpu),
        }
    };
    let passes = (0..setting.passes).map(|_| pass()).collect();
    stop.send(()).expect("the server still accepts");
    runtime.block_on(server);
    wait_until_closed(&open);
    passes
}

async fn accept_http<T: Tasks>(tasks: T, listener: &T::Listener, open: Arc<()>) {
    loop {
        let stream = listener.accept().await.expect("a connection is accepted");
        let open = open.clone();
        T::detach(tasks.spawn(async move {
            let service = service_fn(hello);
            // A client that has seen enough may close in the middle of an answer.
            let _ = http1::Builder::new()
                .serve_connection(stream.into_hyper(), service)
                .await;
            drop(open);
        }));
    }
}

async fn hello(_: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    Ok(Response::new(Full::new(Bytes::from_static(
        b"Hello, world!",
    ))))
}

/// The client has closed its connections; gives the server's tasks the time to notice.
fn wait_until_closed(open: &Arc<()>) {
    let patience = Instant::now() + Duration::from_secs(5);
    while Arc::strong_count(open) > 1 && Instant::now() < patience {
        thread::sleep(Duration::from_millis(1));
    }
}
