"""What people say of a case or a strategy, here and by mail, and how it is kept in order."""

from discussion.models.comments import Comment, Earlier, Visibility
from discussion.models.incoming import Incoming
from discussion.models.mail import MailThread, Message, Trailer
from discussion.models.order import Flag, Lock

__all__ = [
    "Comment",
    "Earlier",
    "Flag",
    "Incoming",
    "Lock",
    "MailThread",
    "Message",
    "Trailer",
    "Visibility",
]
