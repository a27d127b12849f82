//! The project's own commands. Each does all of its own set-up, says what it does, and is quick the second time.

mod bench;
mod check;
mod commonjs;
mod demo;
mod failure;
mod files;
mod glue;
mod hosts;
mod package;
mod peers;
mod process;
mod project;
mod readme;
mod relays;
mod report;
mod setup;
mod size;
mod test;
mod wasm_pack;

use failure::{Failure, Result};
use lexopt::Arg::{Long, Short, Value};
use lexopt::ValueExt;
use package::Variant;
use process::say;
use project::Project;
use setup::wasm_target::Choice;
use std::ffi::OsString;
use std::process::ExitCode;

const HELP: &str = "\
cargo xtask COMMAND

  setup   everything that the other commands need, and nothing else
  build   the npm package, in pkg/
            --trap             with a method that traps, in target/pkg-trap/ (for tests)
  pack    the tarball, pkg/tidegate-VERSION.tgz
  check   formats, lints on host and wasm32, types, documentation
  test    everything: native, wasm in Node, Chromium and Firefox, facade, tarball, page
  wasm-pack   of these, the tests in wasm alone: `wasm-pack test` in Node, Chromium and Firefox
  demo    the simulator and the page, by one URL; Ctrl-C stops both
            --headless-check   instead: the page in Chromium and Firefox, exit code 0 when all is right

  hosts   an image in every host: Node, Deno, Bun, Workers, the edge, browsers
            --only WORDS       the rows whose name holds these words
            --write-readme     put the table into the README
  size    what the package weighs, beside its peers and against its budget, and its largest parts
            --write-budget     make today's weights the budget, benches/size-budget.toml
            --write-readme     put the table into the README
  bench efficiency   makespan ÷ optimum, refusals and polls over a grid of providers, in virtual time
            --help             what more it can be told: --full, --held-out, --only WORDS, --cells, --trace, --json FILE, …
  bench peers   the package in Node over the same cells, which must come to the same; and what else a user would pick
            --only WORDS       the cells whose name holds these words
            --write-readme     put the table into the README
  bench cpu     what a task costs in Node, beside p-queue and p-retry
  bench core    what a task costs the core while 1,000, 10,000 and 100,000 wait, and how much memory each takes
  bench start   import to first request, its steps, and memory: in Node, Chromium and workerd

  relays  what each fault becomes behind LiteLLM's proxy, which is installed for it from PyPI; by hand, some 20 minutes, no part of `test`
            --only WORDS       the faults whose name holds these words
            --write            make docs/relays.md and tests/wire/litellm.jsonl anew

  --wasm-target auto|rustup|debian   where the wasm32-unknown-unknown target comes from (or TIDEGATE_WASM_TARGET)
";

/// What was asked for.
#[derive(Debug, Default, PartialEq, Eq)]
struct Arguments {
    command: String,
    /// What `bench` measures.
    bench: Option<String>,
    /// What is for `bench efficiency` itself to read.
    of_bench: Vec<OsString>,
    wasm_target: Option<Choice>,
    trap: bool,
    headless_check: bool,
    size: size::Options,
    hosts: hosts::Options,
    peers: peers::Options,
    relays: relays::Options,
}

fn main() -> ExitCode {
    match parse(lexopt::Parser::from_env()).and_then(|arguments| perform(&arguments)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            say(&failure.to_string());
            ExitCode::FAILURE
        }
    }
}

fn parse(mut parser: lexopt::Parser) -> Result<Arguments> {
    let mut arguments = Arguments::default();
    while let Some(argument) = parser.next()? {
        match argument {
            Value(command) if arguments.command.is_empty() => arguments.command = command.string()?,
            Value(what) if arguments.command == "bench" && arguments.bench.is_none() => {
                arguments.bench = Some(what.string()?);
                if arguments.bench.as_deref() == Some("efficiency") {
                    arguments.of_bench = parser.raw_args()?.collect();
                }
            }
            Long("wasm-target") => arguments.wasm_target = Some(Choice::parse(&parser.value()?.string()?)?),
            Long("trap") if arguments.command == "build" => arguments.trap = true,
            Long("headless-check") if arguments.command == "demo" => arguments.headless_check = true,
            Long("write-budget") if arguments.command == "size" => arguments.size.write_budget = true,
            Long("write-readme") if arguments.command == "size" => arguments.size.write_readme = true,
            Long("only") if arguments.command == "hosts" => {
                arguments.hosts.only = Some(parser.value()?.string()?);
            }
            Long("write-readme") if arguments.command == "hosts" => arguments.hosts.write_readme = true,
            Long("only") if arguments.bench.as_deref() == Some("peers") => {
                arguments.peers.only = Some(parser.value()?.string()?);
            }
            Long("write-readme") if arguments.bench.as_deref() == Some("peers") => arguments.peers.write_readme = true,
            Long("only") if arguments.command == "relays" => {
                arguments.relays.only = Some(parser.value()?.string()?);
            }
            Long("write") if arguments.command == "relays" => arguments.relays.write = true,
            Long("help") | Short('h') => "help".clone_into(&mut arguments.command),
            other => return Err(other.unexpected().into()),
        }
    }
    Ok(arguments)
}

fn perform(arguments: &Arguments) -> Result {
    if matches!(arguments.command.as_str(), "help" | "") {
        print!("{HELP}");
        return Ok(());
    }
    let mut project = Project::find()?;
    if arguments.bench.as_deref() == Some("efficiency") {
        return bench::efficiency(&project, &arguments.of_bench);
    }
    if arguments.bench.as_deref() == Some("core") {
        return bench::core(&project);
    }
    let from_environment = std::env::var("TIDEGATE_WASM_TARGET").ok().filter(|word| !word.is_empty());
    let choice = match (arguments.wasm_target, from_environment) {
        (Some(choice), _) => choice,
        (None, Some(word)) => Choice::parse(&word)?,
        (None, None) => Choice::Auto,
    };
    let tools = setup::for_build(&mut project, choice)?;
    let build = |variant| package::build(&project, &tools, variant);
    match arguments.command.as_str() {
        "setup" => setup::browser::set_up().map(|_| ()),
        "build" => build(if arguments.trap { Variant::Trap } else { Variant::Ship }).map(|_| ()),
        "pack" => {
            let tarball = package::pack(&project, &build(Variant::Ship)?)?;
            say(&format!("packed {}", tarball.display()));
            Ok(())
        }
        "check" => check::check(&project, &tools),
        "bench" => match arguments.bench.as_deref() {
            Some("start") => bench::start(&project, &tools, &setup::browser::set_up()?),
            Some("peers") => peers::peers(&project, &tools, &arguments.peers),
            Some("cpu") => peers::cpu(&project, &tools),
            other => Err(Failure::new(format!("there is no bench {:?}\n\n{HELP}", other.unwrap_or_default()))),
        },
        "size" => size::size(&project, &tools, arguments.size),
        "hosts" => build(Variant::Ship).and_then(|_| hosts::hosts(&project, &arguments.hosts)),
        "relays" => relays::relays(&project, &tools, &arguments.relays),
        "test" => test::test(&project, &tools),
        "wasm-pack" => wasm_pack::test(&project, &tools),
        "demo" => {
            build(Variant::Ship)?;
            if arguments.headless_check {
                demo::headless_check(&project, &setup::browser::set_up()?)
            } else {
                demo::run_until_stopped(&project)
            }
        }
        other => Err(Failure::new(format!("there is no command {other:?}\n\n{HELP}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(words: &[&str]) -> Option<Arguments> {
        parse(lexopt::Parser::from_args(words)).ok()
    }

    #[test]
    fn options_go_with_their_commands() {
        assert!(parsed(&["build", "--trap"]).is_some_and(|arguments| arguments.trap));
        assert!(parsed(&["demo", "--headless-check"]).is_some_and(|arguments| arguments.headless_check));
        assert!(parsed(&["size", "--write-budget"]).is_some_and(|arguments| arguments.size.write_budget));
        assert_eq!(parsed(&["bench", "start"]).and_then(|it| it.bench).as_deref(), Some("start"));
        assert_eq!(parsed(&["bench", "core"]).and_then(|it| it.bench).as_deref(), Some("core"));
        assert_eq!(parsed(&["bench", "start", "again"]), None);
        let of_bench = parsed(&["bench", "efficiency", "--only", "told", "--full"]).map(|it| it.of_bench.len());
        assert_eq!(of_bench, Some(3));
        let peers = parsed(&["bench", "peers", "--only", "told"]).and_then(|it| it.peers.only);
        assert_eq!(peers.as_deref(), Some("told"));
        assert_eq!(parsed(&["bench", "cpu", "--only", "told"]), None);
        let only = parsed(&["hosts", "--only", "Deno"]).and_then(|arguments| arguments.hosts.only);
        assert_eq!(only.as_deref(), Some("Deno"));
        assert!(parsed(&["relays", "--write"]).is_some_and(|arguments| arguments.relays.write));
        assert_eq!(parsed(&["test", "--trap"]), None);
        assert_eq!(parsed(&["test", "demo"]), None);
        assert_eq!(parsed(&["test", "--wasm-target=debian"]).and_then(|it| it.wasm_target), Some(Choice::Debian));
        assert_eq!(parsed(&["test", "--wasm-target=other"]), None);
    }
}
