"""The demo model: trained by the project on portraits that it draws itself, shipped with the package.

python -m sfx.export.demo draw --out DATA --pictures 48000
python -m sfx.export.demo train --data DATA --out RUN --minutes 240
python -m sfx.export.demo finish --run RUN --out demo.pt
python -m sfx.export.demo evaluate demo.pt --data DATA --grid grid.png
"""
