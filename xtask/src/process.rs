//! Running other programs.

use crate::failure::{Failure, Result};
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Output, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// Tells the person at the terminal, in one line, what is being done.
pub fn say(text: &str) {
    eprintln!("xtask: {text}");
}

fn line(command: &Command) -> String {
    let mut words = vec![command.get_program().to_string_lossy().into_owned()];
    words.extend(command.get_args().map(|word| word.to_string_lossy().into_owned()));
    words.join(" ")
}

fn not_started(command: &Command, error: &std::io::Error) -> Failure {
    Failure::new(format!("cannot start `{}`: {error}", line(command)))
}

/// Runs to the end with this process's own output.
///
/// # Errors
/// When it cannot be started or fails.
pub fn run(command: &mut Command) -> Result {
    let status = command.stdin(Stdio::null()).status().map_err(|error| not_started(command, &error))?;
    if status.success() { Ok(()) } else { Err(Failure::new(format!("`{}` failed ({status})", line(command)))) }
}

fn output(command: &mut Command) -> Result<Output> {
    command.stdin(Stdio::null()).output().map_err(|error| not_started(command, &error))
}

/// Runs to the end; what it printed is shown only when it fails.
///
/// # Errors
/// When it cannot be started or fails; the text holds all that it printed.
pub fn run_quietly(command: &mut Command) -> Result {
    capture(command).map(|_| ())
}

/// Runs to the end and gives what it wrote to stdout, without the last line end.
///
/// # Errors
/// When it cannot be started or fails; the text holds all that it printed.
pub fn capture(command: &mut Command) -> Result<String> {
    let output = output(command)?;
    let stdout = String::from_utf8_lossy(&output.stdout);
    if output.status.success() {
        return Ok(stdout.trim_end().to_owned());
    }
    let stderr = String::from_utf8_lossy(&output.stderr);
    Err(Failure::new(format!("{stdout}{stderr}`{}` failed ({})", line(command), output.status)))
}

/// Runs to the end, shows what it writes to stdout and gives it too, with whether it ended well.
///
/// # Errors
/// When it cannot be started or its output cannot be read.
pub fn run_and_read(command: &mut Command) -> Result<(bool, String)> {
    let mut child =
        command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().map_err(|error| not_started(command, &error))?;
    let mut text = String::new();
    if let Some(stdout) = child.stdout.take() {
        let mut reader = BufReader::new(stdout);
        let mut bytes = Vec::new();
        while reader.read_until(b'\n', &mut bytes).is_ok_and(|count| count > 0) {
            let read = String::from_utf8_lossy(&bytes);
            print!("{read}");
            text.push_str(&read);
            bytes.clear();
        }
    }
    let status = child.wait().map_err(|error| not_started(command, &error))?;
    Ok((status.success(), text))
}

/// Where a program is in PATH.
pub fn find_program(names: &[&str]) -> Option<PathBuf> {
    let folders: Vec<PathBuf> = std::env::split_paths(&std::env::var_os("PATH")?).collect();
    let candidates = names.iter().flat_map(|name| folders.iter().map(move |folder| folder.join(name)));
    candidates.map(|path| path.with_extension(std::env::consts::EXE_EXTENSION)).find(|path| path.is_file())
}

/// A server that stops when its stdin closes: so it ends with this process, however this process ends.
pub struct Server {
    name: String,
    child: Child,
    stdin: Option<ChildStdin>,
    /// The first line it printed.
    pub first_line: String,
}

impl Server {
    /// Starts it and waits for its first line, at most a minute.
    /// A message is sent on `ended` when its stdout closes.
    ///
    /// # Errors
    /// When it cannot be started, or ends or stays silent before its first line.
    pub fn start(name: &str, command: &mut Command, ended: &mpsc::Sender<String>) -> Result<Self> {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| not_started(command, &error))?;
        let stdin = child.stdin.take();
        let stdout = child.stdout.take().ok_or_else(|| Failure::new(format!("{name} has no stdout")))?;
        let (first, on_first) = mpsc::channel();
        let (ended, ended_name) = (ended.clone(), name.to_owned());
        thread::spawn(move || {
            // Read to the end, so that the server never blocks on a full pipe.
            for line in BufReader::new(stdout).lines().map_while(std::result::Result::ok) {
                if first.send(line.clone()).is_err() {
                    let _ = writeln!(std::io::stderr(), "{ended_name}: {line}");
                }
            }
            drop(first);
            let _ = ended.send(ended_name);
        });
        let mut server = Self { name: name.to_owned(), child, stdin, first_line: String::new() };
        server.first_line = on_first
            .recv_timeout(Duration::from_secs(60))
            .map_err(|_| Failure::new(format!("{name} printed no address within a minute")))?;
        Ok(server)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.stdin.take());
        for _ in 0..50 {
            if matches!(self.child.try_wait(), Ok(Some(_))) {
                return;
            }
            thread::sleep(Duration::from_millis(20));
        }
        say(&format!("{} did not stop when its stdin closed; ending it", self.name));
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
