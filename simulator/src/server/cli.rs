//! The command line, made from the table of settings.

use clap::error::ErrorKind;
use clap::{Arg, ArgAction, Command, value_parser};
use serde_json::Value;
use std::ffi::OsString;

use crate::config::{Config, SETTINGS};

pub(super) const LATENCY_HELP: &str = "Round trip added to every answer of the provider, ms.";

/// What the command line asks for.
#[derive(Clone, Debug)]
pub struct Options {
    /// The port on 127.0.0.1; 0 lets the system choose.
    pub port: u16,
    /// Round trip added to every answer, ms.
    pub latency_ms: u64,
    /// Whether the server stops when its standard input ends.
    pub stop_with_stdin: bool,
    /// The world's settings.
    pub config: Config,
    /// Whether `base_url` was given; else it is the server's own origin.
    pub base_url_given: bool,
    /// Whether `epoch_ms` was given; else it is the machine's clock.
    pub epoch_given: bool,
}

/// The command with a flag for every setting.
pub fn command() -> Command {
    let own = [
        Arg::new("port")
            .long("port")
            .value_name("PORT")
            .value_parser(value_parser!(u16))
            .default_value("8787")
            .help("Port on 127.0.0.1; 0 lets the system choose."),
        Arg::new("latency_ms")
            .long("latency-ms")
            .value_name("VALUE")
            .value_parser(value_parser!(u64))
            .default_value("0")
            .help(LATENCY_HELP),
        Arg::new("stop_with_stdin")
            .long("stop-with-stdin")
            .action(ArgAction::SetTrue)
            .help("Stop when standard input ends."),
    ];
    let defaults = Config::default().to_json();
    let settings = SETTINGS.iter().map(|setting| {
        let default = defaults.get(setting.name).unwrap_or(&Value::Null);
        let flag = Arg::new(setting.name).long(setting.name.replace('_', "-")).value_name("VALUE").help(format!(
            "{} [default: {}]",
            setting.help,
            shown(default)
        ));
        match default {
            Value::Bool(_) => flag.num_args(0..=1).default_missing_value("true"),
            _ => flag.allow_hyphen_values(true),
        }
    });
    Command::new("simulator")
        .about("Simulates a provider of images on 127.0.0.1; GET and PUT /admin/config show and change every setting.")
        .args(own)
        .args(settings)
}

/// A default as the flag would take it.
fn shown(default: &Value) -> String {
    match default {
        Value::Null => "none".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(words) => words.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(","),
        other => other.to_string(),
    }
}

/// Reads a command line, its first word being the program's name.
///
/// # Errors
/// When a flag is unknown or its value is none of its type; the message names the flag. Also when help is asked for.
pub fn options(words: impl IntoIterator<Item = OsString>) -> Result<Options, clap::Error> {
    let mut command = command();
    let matches = command.try_get_matches_from_mut(words)?;
    let mut config = Config::default();
    for setting in SETTINGS {
        if let Some(text) = matches.get_one::<String>(setting.name) {
            config.set_flag(setting.name, text).map_err(|error| {
                let flag = setting.name.replace('_', "-");
                command.error(ErrorKind::InvalidValue, format!("--{flag} {text}: {}", error.message))
            })?;
        }
    }
    Ok(Options {
        port: matches.get_one("port").copied().unwrap_or(8787),
        latency_ms: matches.get_one("latency_ms").copied().unwrap_or(0),
        stop_with_stdin: matches.get_flag("stop_with_stdin"),
        base_url_given: matches.contains_id("base_url"),
        epoch_given: matches.contains_id("epoch_ms"),
        config,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::intermediary::{ErrorForm, StoreStatus};

    fn read(words: &[&str]) -> Result<Options, clap::Error> {
        options(std::iter::once("simulator").chain(words.iter().copied()).map(OsString::from))
    }

    #[test]
    fn flags_set_what_they_name() {
        let words = ["--rpm", "60", "--queue", "--concurrency", "none", "--clock-skew-ms", "-5", "--hint-lie", "-1"];
        let options = read(&words).unwrap();
        assert_eq!((options.config.rpm, options.config.queue, options.config.concurrency), (Some(60), true, None));
        assert_eq!((options.config.clock_skew_ms, options.config.hint_lie.as_str()), (-5, "-1"));
        assert_eq!((options.port, options.stop_with_stdin, options.base_url_given), (8787, false, false));
        assert_eq!(read(&["--expose-headers", "false"]).unwrap().config.expose_headers, Some(false));
        assert_eq!(read(&["--port", "0", "--latency-ms", "200"]).unwrap().latency_ms, 200);
        let between = read(&["--relay-stream", "0.5", "--relay-errors", "one-api", "--store-status", "403"]).unwrap();
        assert_eq!((between.config.relay_stream, between.config.relay_errors), (0.5, ErrorForm::OneApi));
        assert_eq!(between.config.store_status, StoreStatus::Forbidden);
    }

    #[test]
    fn bad_flags_are_named() {
        let refused = |words: &[&str]| read(words).unwrap_err().to_string();
        assert!(refused(&["--rpm", "many"]).contains("--rpm many"));
        assert!(refused(&["--lost-answer", "2"]).contains("--lost-answer 2: a probability is 0 to 1"));
        assert!(refused(&["--port", "x"]).contains("--port"));
        assert!(refused(&["--speed", "1"]).contains("--speed"));
    }

    #[test]
    fn the_command_is_consistent_and_tells_its_defaults() {
        let help = command().render_long_help().to_string();
        command().debug_assert();
        assert!(help.contains("--rpm-window-ms") && help.contains("[default: 60000]"));
    }
}
