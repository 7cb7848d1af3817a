"""The sentences for people, in their language. Until there is a catalog of the domain `inviseobox`, in English."""


def _(sentence: str) -> str:
    """Return the sentence in the language of the user; what stands in braces is filled in afterwards."""
    return sentence
