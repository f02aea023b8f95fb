"""The national programming interface of card terminals (人社信息函〔2016〕38号) over an emulated or physical card."""
