//! The simulated provider as a server: see `simulator --help`.

use std::io::{Read, Write};
use std::process::ExitCode;

use tidegate_simulator::server::{Options, Shared, options, serve};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

#[tokio::main]
async fn main() -> ExitCode {
    let options = match options(std::env::args_os()) {
        Ok(options) => options,
        Err(error) => error.exit(),
    };
    let port = options.port;
    match run(options).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("simulator: port {port} of 127.0.0.1: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(options: Options) -> std::io::Result<()> {
    let Options { port, latency_ms, stop_with_stdin, mut config, base_url_given, epoch_given } = options;
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    let origin = format!("http://{}", listener.local_addr()?);
    if !base_url_given {
        config.base_url.clone_from(&origin);
    }
    let stop = stop(stop_with_stdin)?;
    let mut stdout = std::io::stdout();
    writeln!(stdout, "listening on {origin}")?;
    stdout.flush()?;
    serve(listener, Shared::new(config, latency_ms, !epoch_given), stop).await;
    Ok(())
}

/// Ready on the first of: SIGINT, SIGTERM, the end of standard input where that is asked for.
fn stop(with_stdin: bool) -> std::io::Result<impl Future<Output = ()>> {
    let (ended, stdin) = oneshot::channel::<()>();
    // A thread of its own: the process need not wait for a read that never ends.
    let keep = if with_stdin {
        std::thread::spawn(move || {
            let mut stdin = std::io::stdin().lock();
            let mut scrap = [0; 1024];
            while stdin.read(&mut scrap).is_ok_and(|count| count > 0) {}
            drop(ended);
        });
        None
    } else {
        Some(ended)
    };
    #[cfg(unix)]
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    Ok(async move {
        let _keep = keep;
        #[cfg(unix)]
        let terminated = terminate.recv();
        #[cfg(not(unix))]
        let terminated = std::future::pending::<()>();
        tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            _ = terminated => {}
            _ = stdin => {}
        }
    })
}
