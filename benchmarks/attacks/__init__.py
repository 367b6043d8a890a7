"""Attacks on encodings, run and measured: `python -m benchmarks.attacks`.

One module an attack: a dictionary with a leaked key (dictionary.py), ranks of frequencies (frequency.py), similarity
graphs (graph.py), and what the wire tells without any key (wire.py). Each says in its first lines what its attacker
has. They know our code: encodings are no secret but for the key.
"""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before numpy: figures are of one core, sums in one order
