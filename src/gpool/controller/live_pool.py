"""The pool while the controller runs: all that is alive, in memory, and every change to it.

Made of parts that each have one idea; they share `PoolMemory`, which holds everything and has the one way through the
lock.
"""

from gpool.controller.answer_desk import AnswerDesk
from gpool.controller.audit_desk import AuditDesk
from gpool.controller.care_desk import CareDesk
from gpool.controller.node_desk import NodeDesk
from gpool.controller.policy_desk import PolicyDesk
from gpool.controller.pool_memory import NodeNow
from gpool.controller.token_desk import TokenDesk
from gpool.controller.what_if_desk import WhatIfDesk

__all__ = ["LivePool", "NodeNow"]


class LivePool(WhatIfDesk, PolicyDesk, NodeDesk, CareDesk, TokenDesk, AnswerDesk, AuditDesk):
    """See the module. Its attributes belong together; they are changed through its methods only."""
