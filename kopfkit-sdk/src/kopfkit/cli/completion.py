"""`kopfkit completion`: completion of commands, options and file names in a shell."""

import click
from click import shell_completion

# The variable by which a shell asks the program itself for words.
_VARIABLE = "_KOPFKIT_COMPLETE"
_SHELLS = ("bash", "zsh", "fish")


@click.command()
@click.argument("shell", type=click.Choice(_SHELLS))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print the completion script of a shell.

    \b
    For this session of bash:  source <(kopfkit completion bash)
    For good, in ~/.bashrc:    eval "$(kopfkit completion bash)"
    For zsh, in ~/.zshrc:      eval "$(kopfkit completion zsh)"
    For fish:  kopfkit completion fish > ~/.config/fish/completions/kopfkit.fish
    """
    root = context.find_root()
    made = shell_completion.get_completion_class(shell)
    assert made is not None
    click.echo(made(root.command, {}, "kopfkit", _VARIABLE).source())
