"""The demo model: trained by the project on portraits that it draws itself, shipped with the package.

python -m sfx.export.demo draw --out DATA --pictures 48000
python -m sfx.export.demo train --data DATA --out RUN --minutes 240
python -m sfx.export.demo ship --run RUN --data DATA
python -m sfx.export.demo evaluate sfx/demo --data DATA --grid grid.png
"""
