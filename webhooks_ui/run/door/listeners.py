"""Lets a listener end without a reset for a client that connects at this very moment."""

import ctypes
import socket
import struct
import sys

SO_ATTACH_FILTER = 26  # Linux, asm-generic/socket.h. Python has no name for it
_DROP_SYN = b"".join(
    struct.pack("HBBI", *instruction)  # struct sock_filter: code, jt, jf, k
    for instruction in (
        (0x30, 0, 0, 13),  # load the flags of the TCP header
        (0x54, 0, 0, 0x12),  # of these, SYN and ACK
        (0x15, 0, 1, 0x02),  # SYN alone asks for a new connection
        (0x06, 0, 0, 0),  # ignore the packet
        (0x06, 0, 0, 0xFFFFFFFF),  # take the whole packet
    )
)


def ignore_new(listener: socket.socket) -> bool:
    """Let Linux ignore who asks for a new connection, as if the packet were lost. Return whether it does.

    The client asks again after a second, and then gets another listener of this port, or is refused. A handshake that
    has begun goes on, and its connection can be accepted. Without this, a connection that comes between the last
    ``accept`` and the end of the listener is reset. So it is on other systems, and where filters are refused, or are
    for root alone.
    """
    if sys.platform != "linux":
        return False
    instructions = ctypes.create_string_buffer(_DROP_SYN, len(_DROP_SYN))
    program = struct.pack("HP", len(_DROP_SYN) // 8, ctypes.addressof(instructions))  # struct sock_fprog
    try:
        listener.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, program)
    except OSError:
        return False
    return True
