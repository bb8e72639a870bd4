"""Completion of commands and options in the shell."""

import sys

import click
from click.shell_completion import get_completion_class

HOW = {
    "bash": "dreamlamp completion bash > ~/.local/share/bash-completion/completions/dreamlamp",
    "zsh": "dreamlamp completion zsh > ~/.zfunc/_dreamlamp   # a folder of your fpath",
    "fish": "dreamlamp completion fish > ~/.config/fish/completions/dreamlamp.fish",
}


@click.command(short_help="Complete commands in your shell.")
@click.argument("shell", type=click.Choice(list(HOW)))
def completion(shell: str) -> None:
    """Print what makes SHELL complete commands and options after Tab.

    \b
    dreamlamp completion bash > ~/.local/share/bash-completion/completions/dreamlamp
    dreamlamp completion zsh > ~/.zfunc/_dreamlamp
    dreamlamp completion fish > ~/.config/fish/completions/dreamlamp.fish
    """
    made = get_completion_class(shell)
    if made is None:
        raise click.UsageError(f"no completion for {shell}")
    root = click.get_current_context().find_root().command
    # bash itself is asked for its version in `source`; the script is the same for all we know
    script = made(root, {}, "dreamlamp", "_DREAMLAMP_COMPLETE")
    click.echo(script.source_template % script.source_vars())
    if sys.stdout.isatty():
        click.echo(f"Keep it: {HOW[shell]}", err=True)
