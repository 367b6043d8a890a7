"""What somebody who keeps every published table can compute from them: an attack, and worlds to try it on."""
