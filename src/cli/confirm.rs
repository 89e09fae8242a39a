//! Asks for confirmation before a command removes something.

use std::io::{BufRead, IsTerminal, stdin};

use crate::publish::failure::Failure;

/// Asks on a terminal whether to go ahead. `effect` describes the change and its deadline.
pub fn confirm(effect: &str, question: &str) -> Result<(), Failure> {
    let input = stdin();
    let is_terminal = input.is_terminal();
    confirm_from(&mut input.lock(), is_terminal, effect, question)
}

fn confirm_from(
    input: &mut dyn BufRead,
    is_terminal: bool,
    effect: &str,
    question: &str,
) -> Result<(), Failure> {
    if !is_terminal {
        let message = "this needs confirmation, and there is no terminal";
        let failure = Failure::refused("not-confirmed", message, "add --yes to go ahead");
        return Err(failure.because(effect.trim_end().replace('\n', "\n  ")));
    }
    eprint!("{effect}{question} [y/N] ");
    let mut answer = String::new();
    let read = input.read_line(&mut answer).map_err(|cause| Failure::io("the answer", &cause))?;
    if read == 0 {
        eprintln!();
    }
    match answer.trim().to_ascii_lowercase().as_str() {
        "y" | "yes" => Ok(()),
        _ => Err(Failure::refused("not-confirmed", "nothing was changed", "answer y to go ahead")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_yes_on_a_terminal_goes_ahead() {
        let rows = [
            ("y\n", true, true),
            (" YES \n", true, true),
            ("y", true, true),
            ("\n", true, false),
            ("", true, false),
            ("n\n", true, false),
            ("yep\n", true, false),
            ("y\n", false, false),
        ];
        for (text, is_terminal, goes_ahead) in rows {
            let found = confirm_from(&mut text.as_bytes(), is_terminal, "This deletes x.\n", "Go?");
            assert_eq!(found.is_ok(), goes_ahead, "{text:?} {is_terminal}");
            let refused = found.err();
            assert!(refused.is_none_or(|refused| refused.ending.exit_code() == 1));
        }
    }

    #[test]
    fn without_a_terminal_the_hint_and_the_effect_are_shown() {
        let refused = confirm_from(&mut &b""[..], false, "This deletes x.\nAll of it.\n", "Go?");
        let text = refused.unwrap_err().to_string();
        assert!(text.contains("--yes") && text.contains("  All of it."), "{text}");
    }
}
