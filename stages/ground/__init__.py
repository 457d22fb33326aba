"""Which ground it is, told by what shape does not tell: how bright the log's own ground is, or what images show."""
