"""Lets a listener end without a reset for a client that connects at this very moment."""

import ctypes
import socket
import struct
import sys

SO_ATTACH_FILTER = 26  # Linux, asm-generic/socket.h. Python has no name for it
_DROP = struct.pack("HBBI", 0x06, 0, 0, 0)  # struct sock_filter: BPF_RET | BPF_K, of no byte of the packet


def ignore_new(listener: socket.socket) -> None:
    """Let Linux ignore who wants a new connection, as if the packet were lost.

    The client asks again after a second, and then gets another listener of this port, or is refused. Without this, a
    connection that comes between the last ``accept`` and the end of the listener is reset.
    """
    if sys.platform == "linux":
        program = ctypes.create_string_buffer(_DROP, len(_DROP))
        listener.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, struct.pack("HP", 1, ctypes.addressof(program)))
